//! What errors of S3 mean and what to do about them.
//!
//! Owns the words. The SDK's own text is shown only where nothing better is known.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::store::Trouble;

/// The page that has the policy and the ways to log in.
const PAGE: &str = "docs/push.md";

/// Where calls go, as far as an error has to tell it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) bucket: String,
    pub(super) region: String,
    /// None for AWS itself.
    pub(super) endpoint: Option<String>,
}

/// No credentials anywhere.
pub(super) fn no_credentials() -> Trouble {
    Trouble::new(
        "no AWS credentials were found",
        format!(
            "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; in GitHub Actions let \
             aws-actions/configure-aws-credentials assume a role ({PAGE})"
        ),
    )
}

/// No region anywhere.
pub(super) fn no_region() -> Trouble {
    Trouble::new(
        "no AWS region is set",
        "set AWS_REGION to the region of the bucket, such as ap-northeast-1, or `region` in \
         ~/.aws/config",
    )
}

/// Credentials that are set up and could not be had.
pub(super) fn of_credentials(error: &(dyn Error + 'static)) -> Trouble {
    let chain = chain(error);
    let says = |words: &[&str]| chain.iter().any(|it| words.iter().any(|word| it.contains(word)));
    let root = chain.last().map(String::as_str).unwrap_or_default();
    if says(&["cargo feature", "was not enabled: sso", "sso", "SSO", "login_session"]) {
        return Trouble::new(
            "the AWS profile logs in through a browser, which sfai-dsl does not read itself",
            "hand the session over: eval \"$(aws configure export-credentials --format env)\"; in \
             PowerShell: aws configure export-credentials --format powershell | Invoke-Expression",
        );
    }
    if says(&["was not defined"]) {
        return Trouble::new(
            format!("the AWS credentials could not be had: {root}"),
            "see what AWS_PROFILE says, and which profiles `aws configure list-profiles` knows",
        );
    }
    // Nothing is set up in any of the places where credentials could be.
    if says(&["no providers in chain provided credentials"]) {
        return no_credentials();
    }
    Trouble::new(
        format!("the AWS credentials could not be had: {root}"),
        "see whether `aws sts get-caller-identity` can have them",
    )
}

impl Place {
    /// The error of a call.
    pub(super) fn told<E>(&self, error: &SdkError<E, HttpResponse>) -> Trouble
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::TimeoutError(_) => self.unreachable("it did not answer in time"),
            SdkError::DispatchFailure(failed) if failed.is_timeout() => {
                self.unreachable("no connection in time")
            }
            SdkError::DispatchFailure(failed) => match failed.as_connector_error() {
                Some(why) => self.unreachable(&root(why)),
                None => self.unreachable(&root(error)),
            },
            SdkError::ServiceError(failed) => {
                let (status, headers) = (failed.raw().status().as_u16(), failed.raw().headers());
                let region = headers.get("x-amz-bucket-region");
                let said = Said { status, code: failed.err().code(), region };
                self.of_service(said, failed.err().message())
            }
            SdkError::ResponseError(failed) => self.no_s3(failed.raw().status().as_u16()),
            _ => self.unknown(&root(error)),
        }
    }

    /// An answer that ended too early.
    pub(super) fn broken_off(&self, error: &(dyn Error + 'static)) -> Trouble {
        self.unreachable(&format!("the answer broke off: {}", root(error)))
    }

    /// An answer without an ETag.
    pub(super) fn without_tag(&self) -> Trouble {
        Trouble::new(
            format!(
                "{} sends no ETag, without which pushes could overwrite each other",
                self.name()
            ),
            "use a server that has ETags and If-Match, as S3 does",
        )
    }

    fn name(&self) -> &str {
        self.endpoint.as_deref().unwrap_or("S3")
    }

    fn of_service(&self, said: Said<'_>, message: Option<&str>) -> Trouble {
        let known = self.of_code(&said).or_else(|| self.of_status(&said));
        known.unwrap_or_else(|| match said.code {
            None => self.no_s3(said.status),
            Some(code) => {
                let message = message.unwrap_or("it does not say why");
                self.unknown(&format!("{code} (status {}): {message}", said.status))
            }
        })
    }

    fn of_code(&self, said: &Said<'_>) -> Option<Trouble> {
        let bucket = &self.bucket;
        let (what, help) = match said.code? {
            "NoSuchBucket" => (
                format!("{} has no bucket `{bucket}`", self.name()),
                "look its name up: it is the stack's output ConfigBucketName, and `aws s3 ls` lists \
                 all buckets"
                    .to_owned(),
            ),
            "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => return Some(self.denied()),
            "InvalidAccessKeyId" | "InvalidClientTokenId" | "UnrecognizedClientException" => (
                format!("{} does not know the access key", self.name()),
                "see AWS_ACCESS_KEY_ID or the profile that AWS_PROFILE names".to_owned(),
            ),
            "SignatureDoesNotMatch" => (
                "the secret access key is not that of the access key".to_owned(),
                "see AWS_SECRET_ACCESS_KEY or the profile; a key that was pasted may lack its end"
                    .to_owned(),
            ),
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => (
                "the AWS session has expired".to_owned(),
                "log in again, or assume the role again".to_owned(),
            ),
            "InvalidToken" => (
                "the session token is not that of the access key".to_owned(),
                "see AWS_SESSION_TOKEN: keys that begin with ASIA need theirs, others need none"
                    .to_owned(),
            ),
            "RequestTimeTooSkewed" | "RequestExpired" => (
                "the clock of this machine is wrong by more than S3 allows, which is 15 minutes"
                    .to_owned(),
                "set it by the network: `date -u` must show the time of the day in UTC".to_owned(),
            ),
            "PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException" => return Some(self.elsewhere(said)),
            "NotImplemented" => (
                format!("{} does not take conditional writes", self.name()),
                "use a server that has If-Match and If-None-Match, as S3 does: without them pushes \
                 could overwrite each other"
                    .to_owned(),
            ),
            _ => return None,
        };
        Some(Trouble::new(what, help))
    }

    /// An answer to HEAD has no text that could hold a code.
    fn of_status(&self, said: &Said<'_>) -> Option<Trouble> {
        match said.status {
            301 | 307 if said.region.is_some() => Some(self.elsewhere(said)),
            403 if said.code.is_none_or(|it| it == "Forbidden") => Some(self.denied()),
            429 | 500..=599 => {
                let why = said.code.map_or(String::new(), |code| format!(" ({code})"));
                Some(Trouble::new(
                    format!("{} is in trouble itself: status {}{why}", self.name(), said.status),
                    "try again in a minute; https://health.aws.amazon.com tells of outages",
                ))
            }
            _ => None,
        }
    }

    fn denied(&self) -> Trouble {
        let bucket = &self.bucket;
        Trouble::new(
            format!("access to the bucket `{bucket}` is denied"),
            format!(
                "`aws sts get-caller-identity` tells who this is; it needs s3:GetObject and \
                 s3:PutObject on the bucket's keys and s3:ListBucket on the bucket ({PAGE})"
            ),
        )
    }

    fn elsewhere(&self, said: &Said<'_>) -> Trouble {
        let (bucket, region) = (&self.bucket, &self.region);
        let (there, to) = match said.region {
            Some(there) => (format!("in the region {there}, not in {region}"), there),
            None => (format!("not in the region {region}"), "its region"),
        };
        Trouble::new(format!("the bucket `{bucket}` is {there}"), format!("set AWS_REGION to {to}"))
    }

    fn no_s3(&self, status: u16) -> Trouble {
        Trouble::new(
            format!("what answers at {} is not S3 (status {status})", self.name()),
            "see AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL and `endpoint_url` in ~/.aws/config; for AWS \
             itself none is needed",
        )
    }

    fn unreachable(&self, why: &str) -> Trouble {
        let at = match &self.endpoint {
            Some(url) => url.clone(),
            None => format!("S3 in {}", self.region),
        };
        let help = match &self.endpoint {
            Some(_) => {
                "see whether the server runs, and whether the address is right: AWS_ENDPOINT_URL"
            }
            None => {
                "see whether this machine reaches the internet, HTTPS_PROXY if it needs a proxy, \
                     and whether AWS_REGION is spelled right"
            }
        };
        Trouble::new(format!("{at} cannot be reached: {why}"), help)
    }

    fn unknown(&self, why: &str) -> Trouble {
        Trouble::new(
            format!("{} refused: {why}", self.name()),
            "see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",
        )
    }
}

/// What an error answer says.
struct Said<'a> {
    status: u16,
    code: Option<&'a str>,
    region: Option<&'a str>,
}

/// The words of an error and of all that caused it.
fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    std::iter::successors(Some(error), |&it| it.source()).map(ToString::to_string).collect()
}

fn root(error: &(dyn Error + 'static)) -> String {
    chain(error).pop().unwrap_or_default()
}
