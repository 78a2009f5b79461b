"""Puts the first map of an environment, and never replaces one.

Owns the answer to CloudFormation; which map it is, the template says.
"""

import json
import urllib.request

import botocore.exceptions
import botocore.session


def handler(event, _context):
    """Answers a request of CloudFormation, whatever happens: without an answer it waits."""
    properties = event["ResourceProperties"]
    target = f"s3://{properties['ToBucket']}/{properties['ToKey']}"
    try:
        if event["RequestType"] != "Delete":
            print(json.dumps({"target": target, "done": put(properties, client())}))
        answer(event, target, "SUCCESS", "")
    except Exception as error:
        answer(event, target, "FAILED", f"cannot put the first map to {target}: {error}")


def client():
    """S3 as the function's own surroundings say."""
    return botocore.session.get_session().create_client("s3")


def put(properties, s3):
    """Copies the map unless there is one; S3 itself decides, so that no push can come between."""
    source = s3.get_object(Bucket=properties["FromBucket"], Key=properties["FromKey"])
    try:
        s3.put_object(
            Bucket=properties["ToBucket"],
            Key=properties["ToKey"],
            Body=source["Body"].read(),
            ContentType="application/json",
            IfNoneMatch="*",
        )
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "412"):
            return "kept the map that was there"
        raise
    return "put the first map"


def answer(event, target, status, reason):
    """Tells CloudFormation how it went."""
    body = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    body |= {"PhysicalResourceId": target, "Status": status, "Reason": reason}
    request = urllib.request.Request(
        event["ResponseURL"],
        data=json.dumps(body).encode(),
        # Signed without one, so that any other header than this would be refused.
        headers={"Content-Type": ""},
        method="PUT",
    )
    urllib.request.urlopen(request, timeout=30).close()
