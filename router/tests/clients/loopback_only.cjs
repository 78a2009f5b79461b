// Preloaded into Node: a client under test reaches this machine and nothing else.
//
// Refuses connections alone; what the client does without them is the tests' matter.
"use strict";

const net = require("node:net");

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
const connect = net.Socket.prototype.connect;

// Node calls it with `[options, callback]`, others with the options alone.
net.Socket.prototype.connect = function (first, ...others) {
  const options = Array.isArray(first) ? first[0] : first;
  const host = options?.host ?? "localhost";
  if (LOOPBACK.has(host)) {
    return connect.call(this, first, ...others);
  }
  const refusal = new Error(`the tests let no one reach ${host}`);
  process.nextTick(() => this.destroy(Object.assign(refusal, { code: "ECONNREFUSED" })));
  return this;
};
