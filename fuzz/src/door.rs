//! Whatever a socket can bring, at the router's door, under libFuzzer.
//!
//! Owns a router with the committed map before the demo upstream; what it answers is the router's.
#![no_main]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use sfai_router::auth::{ClientKeys, Reach};
use sfai_router::clock::Ambient;
use sfai_router::config::{Config, Surroundings, Upstreams};
use sfai_router::{Router, demo, server};

const MAP: &[u8] = include_bytes!("../../model_map.json");

/// No request of ours is to keep a connection for longer once all was said.
const LONGEST: Duration = Duration::from_secs(4);

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    static ROUTER: OnceLock<SocketAddr> = OnceLock::new();
    let address = *ROUTER.get_or_init(start);
    let reply = send(address, input);
    let reply = String::from_utf8_lossy(&reply);
    assert!(reply.is_empty() || reply.starts_with("HTTP/1."), "no HTTP: {reply}");
    assert!(!reply.starts_with("HTTP/1.1 500"), "{reply}");
});

/// Serves on a free port, for as long as the process lives.
fn start() -> SocketAddr {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
    let runtime = Box::leak(Box::new(runtime));
    let loopback: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    runtime.block_on(async {
        let upstream = demo::start(Duration::ZERO).expect("the demo upstream");
        let keys = ClientKeys::parse("").ok().expect("no keys");
        let upstreams = Upstreams::Demo(upstream.address);
        let around = Surroundings::new(upstreams, keys, Reach::Address(loopback));
        let config = Config::new(MAP, around, SystemTime::now()).expect("the committed map");
        let router = Router::new(Arc::new(config), Ambient::default());
        let listener = server::bind(loopback).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(server::serve(Arc::new(router), listener, std::future::pending()));
        Box::leak(Box::new(upstream));
        address
    })
}

/// Everything that comes back until the connection is closed.
fn send(address: SocketAddr, input: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(LONGEST)).expect("a timeout");
    // The router may have refused and closed before all is written.
    let _ = stream.write_all(input);
    let _ = stream.shutdown(Shutdown::Write);
    let mut reply = Vec::new();
    if let Err(error) = stream.read_to_end(&mut reply) {
        let slow = matches!(error.kind(), std::io::ErrorKind::WouldBlock);
        assert!(!slow, "the connection stays open");
    }
    reply
}
