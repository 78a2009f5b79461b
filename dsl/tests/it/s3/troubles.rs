//! What goes wrong with S3, and the words for it: what is wrong, and what to do.

use std::net::TcpListener;
use std::process::Output;

use super::fake::{Answer, BUCKET, Fake, Then};
use super::{project, run, s3};
use crate::project::stderr;

/// The two lines that a verb ends with, the server's address left out.
fn told(output: &Output, url: &str) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = stderr(output);
    let at = said.rfind("sfai-dsl: ").unwrap();
    let words = said.split_at(at).1.trim_start_matches("sfai-dsl: ").trim_end();
    assert!(
        !["SdkError", "ServiceError", "{", "Some("].iter().any(|it| words.contains(it)),
        "{said}"
    );
    words.replace(url, "URL")
}

/// What a verb says to a server that answers everything so.
fn says(answer: Answer, verb: &str) -> String {
    let fake = Fake::start(Box::new(move |_| Then::Say(answer.clone())));
    told(&run(&project("x"), &fake, &[verb]), &fake.url())
}

fn assert_says(answer: Answer, expected: &str) {
    let said = says(answer, "versions");
    assert_eq!(said.replace("\n  help: ", " => "), expected);
}

#[test]
fn refusals_are_told_in_plain_words() {
    for (status, code, expected) in [
        (
            404,
            "NoSuchBucket",
            "URL has no bucket `sfai-test` => look its name up: it is the stack's output ConfigBucketName, and `aws s3 ls` lists all buckets",
        ),
        (
            403,
            "AccessDenied",
            "access to the bucket `sfai-test` is denied => `aws sts get-caller-identity` tells who this is; it needs s3:GetObject and s3:PutObject on the bucket's keys and s3:ListBucket on the bucket (docs/push.md)",
        ),
        (
            403,
            "InvalidAccessKeyId",
            "URL does not know the access key => see AWS_ACCESS_KEY_ID or the profile that AWS_PROFILE names",
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "the secret access key is not that of the access key => see AWS_SECRET_ACCESS_KEY or the profile; a key that was pasted may lack its end",
        ),
        (
            400,
            "ExpiredToken",
            "the AWS session has expired => log in again, or assume the role again",
        ),
        (
            400,
            "InvalidToken",
            "the session token is not that of the access key => see AWS_SESSION_TOKEN: keys that begin with ASIA need theirs, others need none",
        ),
        (
            403,
            "RequestTimeTooSkewed",
            "the clock of this machine is wrong by more than S3 allows, which is 15 minutes => set it by the network: `date -u` must show the time of the day in UTC",
        ),
        (
            503,
            "SlowDown",
            "URL is in trouble itself: status 503 (SlowDown) => try again in a minute; https://health.aws.amazon.com tells of outages",
        ),
        (
            501,
            "NotImplemented",
            "URL does not take conditional writes => use a server that has If-Match and If-None-Match, as S3 does: without them pushes could overwrite each other",
        ),
        (
            418,
            "Teapot",
            "URL refused: Teapot (status 418): As the test has it. => see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",
        ),
    ] {
        assert_says(Answer::error(status, code), expected);
    }
}

#[test]
fn a_bucket_in_another_region_is_told_with_its_region() {
    let elsewhere =
        Answer::error(301, "PermanentRedirect").with("x-amz-bucket-region", "eu-west-1");
    assert_says(
        elsewhere,
        "the bucket `sfai-test` is in the region eu-west-1, not in ap-northeast-1 => set AWS_REGION to eu-west-1",
    );
    let malformed = Answer::error(400, "AuthorizationHeaderMalformed");
    assert_says(
        malformed,
        "the bucket `sfai-test` is not in the region ap-northeast-1 => set AWS_REGION to its region",
    );
}

#[test]
fn what_is_no_s3_is_told() {
    let expected = "what answers at URL is not S3 (status 404) => see AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL and `endpoint_url` in ~/.aws/config; for AWS itself none is needed";
    assert_says(Answer::text(404, "<html>no such page</html>"), expected);
    let said = says(Answer::text(200, "{\"format\": 1}"), "pull");
    assert!(said.starts_with("URL sends no ETag"), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = s3(&project("x"), &url, &["versions"]).output().unwrap();
    let said = told(&output, &url);
    assert!(said.starts_with("URL cannot be reached: ") && said.contains("refused"), "{said}");
    assert!(said.contains("help: see whether the server runs"), "{said}");
    let fake = Fake::start(Box::new(|_| Then::HangUp));
    let said = told(&run(&project("x"), &fake, &["versions"]), &fake.url());
    assert!(said.starts_with("URL cannot be reached: "), "{said}");
}

#[test]
fn missing_credentials_and_a_missing_region_are_told_before_anything_is_sent() {
    let fake = Fake::well();
    let scratch = project("x");
    let mut bare = s3(&scratch, &fake.url(), &["versions"]);
    bare.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let said = told(&bare.output().unwrap(), &fake.url());
    assert!(said.starts_with("no AWS credentials were found\n  help: set AWS_PROFILE"), "{said}");
    let mut bare = s3(&scratch, &fake.url(), &["versions"]);
    let said = told(&bare.env_remove("AWS_REGION").output().unwrap(), &fake.url());
    assert!(said.starts_with("no AWS region is set\n  help: set AWS_REGION"), "{said}");
    assert_eq!(fake.seen(), Vec::<String>::new());
}

#[test]
fn profiles_that_cannot_be_used_are_told() {
    let fake = Fake::well();
    let scratch = project("x");
    let of_profile = |name: &str| {
        let mut command = s3(&scratch, &fake.url(), &["versions"]);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        command.env("AWS_CONFIG_FILE", scratch.path().join("config")).env("AWS_PROFILE", name);
        told(&command.output().unwrap(), &fake.url())
    };
    let sso = "sso_start_url = https://example.com/start\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = r\n";
    scratch.write("config", format!("[profile sso]\n{sso}").as_bytes());
    let said = of_profile("sso");
    assert!(
        said.starts_with("the AWS profile gets its credentials through a browser or a program"),
        "{said}"
    );
    assert!(said.contains("aws configure export-credentials --format env"), "{said}");
    let said = of_profile("none");
    assert!(said.contains("`none`") && said.contains("see what AWS_PROFILE says"), "{said}");
}

#[test]
fn a_wrong_bucket_is_told_by_every_verb() {
    let fake = Fake::well();
    for verb in
        [&["push", "--yes"][..], &["versions"], &["rollback", "--yes"], &["pull"], &["status"]]
    {
        let arguments = [verb, &["--to", "s3://other-bucket"]].concat();
        let said = told(&run(&project("x"), &fake, &arguments), &fake.url());
        assert!(said.starts_with("URL has no bucket `other-bucket`"), "{verb:?}: {said}");
    }
    assert!(fake.object(&format!("{BUCKET}/config/model_map.json")).is_none());
}

#[test]
fn a_refusal_in_the_middle_of_a_push_leaves_the_live_map() {
    let fake = Fake::start(Box::new(|request| match request.is_move() {
        true => Then::Say(Answer::error(403, "AccessDenied")),
        false => Then::Serve,
    }));
    let said = told(&run(&project("x"), &fake, &["push", "--yes"]), &fake.url());
    assert!(said.starts_with("access to the bucket `sfai-test` is denied"), "{said}");
    assert!(fake.object("config/model_map.json").is_none());
}
