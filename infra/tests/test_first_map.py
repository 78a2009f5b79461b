"""The function that puts the first map, against a bucket in memory and an address on loopback."""

import http.server
import io
import json
import sys
import threading
import unittest
from pathlib import Path
from unittest import mock

from botocore.exceptions import ClientError

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "infra/cdk/lib/first-map"))

import first_map  # noqa: E402

PROPERTIES = {
    "FromBucket": "assets",
    "FromKey": "a.json",
    "ToBucket": "config",
    "ToKey": "config/model_map.json",
    "VersionKey": "config/versions/00.json",
    "Note": {"sfai-digest": "sha256:00", "sfai-by": "cdk deploy"},
}


class Bucket:
    """As much of S3 as the function asks for."""

    def __init__(self, **objects):
        self.objects = objects
        self.metadata = {}

    def get_object(self, *, Bucket, Key):
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, *, Bucket, Key, Body, ContentType, Metadata, IfNoneMatch):
        if IfNoneMatch == "*" and Key in self.objects:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.objects[Key] = Body
        self.metadata[Key] = Metadata


class CloudFormation:
    """The address that is to be answered, and the answer."""

    def __enter__(self):
        answers = self.answers = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answers.append((self.headers["Content-Type"], json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def ask(self, kind, bucket):
        event = {
            "RequestType": kind,
            "ResponseURL": f"http://127.0.0.1:{self.server.server_port}/answer",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Put",
            "ResourceProperties": PROPERTIES,
        }
        with mock.patch.object(first_map, "client", lambda: bucket), mock.patch("builtins.print"):
            first_map.handler(event, None)
        return self.answers[-1]


class FirstMap(unittest.TestCase):
    def setUp(self):
        self.cloud_formation = self.enterContext(CloudFormation())

    def test_the_map_is_put_live_and_as_a_version(self):
        bucket = Bucket(**{"a.json": b"first"})
        kind, answer = self.cloud_formation.ask("Create", bucket)
        self.assertEqual(answer["Status"], "SUCCESS", answer)
        self.assertEqual(answer["RequestId"], "request")
        self.assertEqual(kind, "")
        for key, did in (("config/model_map.json", "push"), ("config/versions/00.json", "store")):
            self.assertEqual(bucket.objects[key], b"first")
            note = bucket.metadata[key]
            self.assertEqual((note["sfai-did"], note["sfai-digest"]), (did, "sha256:00"))

    def test_a_map_that_was_pushed_stays(self):
        for kind in ("Create", "Update"):
            bucket = Bucket(**{"a.json": b"first", "config/model_map.json": b"pushed"})
            _, answer = self.cloud_formation.ask(kind, bucket)
            self.assertEqual(answer["Status"], "SUCCESS", answer)
            self.assertEqual(bucket.objects["config/model_map.json"], b"pushed")
            self.assertNotIn("config/versions/00.json", bucket.objects)

    def test_nothing_is_taken_away(self):
        bucket = Bucket(**{"config/model_map.json": b"pushed"})
        _, answer = self.cloud_formation.ask("Delete", bucket)
        self.assertEqual(answer["Status"], "SUCCESS")
        self.assertEqual(bucket.objects, {"config/model_map.json": b"pushed"})

    def test_a_failure_is_told_to_who_waits(self):
        _, answer = self.cloud_formation.ask("Create", Bucket())
        self.assertEqual(answer["Status"], "FAILED")
        self.assertIn("cannot put the first map to s3://config/config/model_map.json", answer["Reason"])
        self.assertIn("NoSuchKey", answer["Reason"])
