"""Puts the first map of an environment, and never replaces one.

Owns the answer to CloudFormation; which map it is, the template says.
"""

import datetime
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
            put(properties, client())
        answer(event, target, "SUCCESS", "")
    except Exception as error:
        answer(event, target, "FAILED", f"cannot put the first map to {target}: {error}")


def client():
    """S3 as the function's own surroundings say."""
    return botocore.session.get_session().create_client("s3")


def put(properties, s3):
    """Makes the map live unless one is, and then keeps it as a version that can be gone back to."""
    source = s3.get_object(Bucket=properties["FromBucket"], Key=properties["FromKey"])
    body = source["Body"].read()
    at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    note = {**properties["Note"], "sfai-at": at}

    def is_put(key, did):
        return put_if_absent(
            s3,
            Bucket=properties["ToBucket"],
            Key=key,
            Body=body,
            ContentType="application/json",
            Metadata={**note, "sfai-did": did},
        )

    if is_put(properties["ToKey"], "push"):
        is_put(properties["VersionKey"], "store")
        print(json.dumps({"message": "put the first map", **note}))
    else:
        print(json.dumps({"message": "kept the map that is live"}))


def put_if_absent(s3, **what):
    """Whether it was put. S3 itself decides, so that no push can come between."""
    try:
        s3.put_object(IfNoneMatch="*", **what)
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
            return False
        raise
    return True


def answer(event, target, status, reason):
    """Tells CloudFormation how it went."""
    body = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    body |= {"PhysicalResourceId": target, "Status": status, "Reason": reason}
    request = urllib.request.Request(
        event["ResponseURL"],
        data=json.dumps(body).encode(),
        # The address is signed without a type, and the type that urllib puts would be refused.
        headers={"Content-Type": ""},
        method="PUT",
    )
    urllib.request.urlopen(request, timeout=30).close()
