//! Requests to AWS that no client of its SDK makes, signed (Signature Version 4).
//!
//! Owns the signature and how long credentials are kept for it; sending is its callers'.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;
use http::Request;

use super::trouble::Trouble;

/// Credentials are asked for anew so long before they expire: as the SDK does, with some room for
/// clocks that differ.
const RENEWED_BEFORE: Duration = Duration::from_secs(60);

/// Signs with the credentials of this process.
pub struct Signer {
    provider: Option<SharedCredentialsProvider>,
    region: Option<Region>,
    held: RwLock<Option<Held>>,
}

struct Held {
    identity: Identity,
    expires: Option<SystemTime>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Signer {
    pub(super) fn new(config: &SdkConfig) -> Self {
        let provider = config.credentials_provider();
        Self { provider, region: config.region().cloned(), held: RwLock::default() }
    }

    /// With the same credentials in a region of its own.
    #[must_use]
    pub fn in_region(&self, region: String) -> Self {
        let provider = self.provider.clone();
        Self { provider, region: Some(Region::new(region)), held: RwLock::default() }
    }

    /// The region of this process.
    ///
    /// # Errors
    /// When nothing names one.
    pub fn region(&self) -> Result<&str, Trouble> {
        let region = self.region.as_ref().map(Region::as_ref);
        region.ok_or_else(|| Trouble::Unreachable("no region is set: set AWS_REGION".into()))
    }

    /// Adds the headers of a signature that is good for the whole request: its method, URI, headers
    /// and body, of which nothing may change afterwards. `service` is the name that AWS signs by:
    /// `dynamodb`, `bedrock`. The URI needs its host; a `host` header is not needed.
    ///
    /// # Errors
    /// When there are no credentials or no region, or a header cannot be signed.
    pub async fn sign<B: AsRef<[u8]>>(
        &self,
        service: &str,
        request: &mut Request<B>,
        now: SystemTime,
    ) -> Result<(), Trouble> {
        let identity = self.identity(now).await?;
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region()?)
            .name(service)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(failed)?;
        let mut headers = Vec::with_capacity(request.headers().len());
        for (name, value) in request.headers() {
            headers.push((name.as_str(), value.to_str().map_err(failed)?));
        }
        let body = SignableBody::Bytes(request.body().as_ref());
        let uri = request.uri().to_string();
        let signable =
            SignableRequest::new(request.method().as_str(), uri, headers.into_iter(), body);
        let signed = sign(signable.map_err(failed)?, &params.into()).map_err(failed)?;
        let (instructions, _) = signed.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }

    /// The credentials that are held, unless they are about to expire.
    async fn identity(&self, now: SystemTime) -> Result<Identity, Trouble> {
        let held =
            self.held.read().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|it| {
                let fresh = it.expires.is_none_or(|expires| now + RENEWED_BEFORE < expires);
                fresh.then(|| it.identity.clone())
            });
        if let Some(identity) = held {
            return Ok(identity);
        }
        let provider = self.provider.as_ref();
        let provider = provider.ok_or_else(|| Trouble::Unreachable("no credentials".into()))?;
        let credentials: Credentials = provider
            .provide_credentials()
            .await
            .map_err(|error| Trouble::Unreachable(format!("no credentials: {error}")))?;
        let expires = credentials.expiry();
        let identity = Identity::from(credentials);
        let held = Held { identity: identity.clone(), expires };
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
        Ok(identity)
    }
}

fn failed(error: impl std::error::Error) -> Trouble {
    Trouble::Failed(format!("its request cannot be signed: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_credential_types::provider::future;

    use super::*;

    /// Gives credentials that live for so long, and counts.
    #[derive(Debug)]
    struct Provider {
        lives: Option<Duration>,
        asked: Arc<AtomicUsize>,
    }

    const SIGNED_AT: u64 = 1_440_938_160;

    fn then() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED_AT)
    }

    impl ProvideCredentials for Provider {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
            let expires = self.lives.map(|lives| then() + lives);
            let all = Credentials::new("AKIDEXAMPLE", secret, None, expires, "test");
            future::ProvideCredentials::ready(Ok(all))
        }
    }

    fn signer(lives: Option<Duration>) -> (Signer, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let provider = Provider { lives, asked: Arc::clone(&asked) };
        let provider = Some(SharedCredentialsProvider::new(provider));
        let region = Some(Region::new("us-east-1"));
        (Signer { provider, region, held: RwLock::default() }, asked)
    }

    #[tokio::test]
    async fn the_example_of_aws_has_the_signature_that_aws_gives_for_it() {
        // `get-vanilla` of AWS's published test suite for the signature.
        let (signer, _) = signer(None);
        let mut request = Request::get("http://example.amazonaws.com/").body("").unwrap();
        signer.sign("service", &mut request, then()).await.unwrap();
        assert_eq!(
            request.headers()["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
        assert!(!format!("{signer:?} {request:?}").contains("wJalr"));
    }

    #[tokio::test]
    async fn credentials_are_asked_for_again_shortly_before_they_expire() {
        let (signer, asked) = signer(Some(Duration::from_secs(600)));
        for (after, times) in [(0, 1), (539, 1), (540, 2), (900, 3)] {
            let mut request = Request::post("http://host/").body("{}").unwrap();
            let now = then() + Duration::from_secs(after);
            signer.sign("dynamodb", &mut request, now).await.unwrap();
            assert_eq!(asked.load(Ordering::SeqCst), times, "after {after} s");
        }
    }

    #[tokio::test]
    async fn without_credentials_or_region_nothing_is_signed() {
        let mut request = Request::post("http://host/").body("{}").unwrap();
        let nobody = Signer { provider: None, region: None, held: RwLock::default() };
        let why = nobody.sign("dynamodb", &mut request, then()).await.unwrap_err();
        assert!(why.to_string().contains("no credentials"), "{why}");
        let (mut nowhere, _) = signer(None);
        nowhere.region = None;
        let why = nowhere.sign("dynamodb", &mut request, then()).await.unwrap_err();
        assert!(why.to_string().contains("AWS_REGION"), "{why}");
    }
}
