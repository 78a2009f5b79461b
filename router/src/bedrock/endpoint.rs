//! Where and how Bedrock is called.
//!
//! Owns the address of a model and the signature of a request; sending is [`crate::upstream`]'s.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use tokio::sync::OnceCell;

use crate::aws;
use crate::aws::sign::Signer;
use crate::aws::trouble::Trouble;

/// The name that AWS signs by.
const SERVICE: &str = "bedrock";

/// A provider of the protocol `bedrock`.
#[derive(Debug)]
pub(crate) struct Bedrock {
    /// Without a slash at its end; none for Bedrock's own in the region of this process.
    base: Option<String>,
    /// Those of the map, and a key's where there is one; then nothing is signed.
    headers: HeaderMap,
    signer: OnceCell<Signer>,
}

/// What a model is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Converse,
    ConverseStream,
    CountTokens,
}

impl Action {
    const fn path(self) -> &'static str {
        match self {
            Self::Converse => "converse",
            Self::ConverseStream => "converse-stream",
            Self::CountTokens => "count-tokens",
        }
    }
}

/// A request that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
}

impl Bedrock {
    /// With the map's address and headers.
    pub(crate) fn new(base: Option<&str>, headers: HeaderMap) -> Self {
        let base = base.map(|base| base.trim_end_matches('/').to_owned());
        Self { base, headers, signer: OnceCell::new() }
    }

    /// Addresses and signs the body of a request to a model.
    pub(crate) async fn signed(
        &self,
        (model, action): (&str, Action),
        body: &Bytes,
        now: SystemTime,
    ) -> Result<Signed, Trouble> {
        // Tokens are counted by the model itself and not by what stands for it in many regions.
        let model = if action == Action::CountTokens { foundation(model) } else { model };
        let action = action.path();
        let base = match &self.base {
            Some(base) => base.clone(),
            None => {
                let region = self.signer().await?.region()?;
                format!("https://bedrock-runtime.{region}.amazonaws.com")
            }
        };
        let url = format!("{base}/model/{}/{action}", escaped(model));
        let url: Uri = url.parse().map_err(|_| Trouble::Failed("it has no address".into()))?;
        let mut request = Request::new(body.clone());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.clone();
        self.headers.clone_into(request.headers_mut());
        if !self.headers.contains_key(AUTHORIZATION) {
            self.signer().await?.sign(SERVICE, &mut request, now).await?;
        }
        let mut headers = std::mem::take(request.headers_mut());
        let host = url.authority().map_or("", http::uri::Authority::as_str);
        let host = HeaderValue::from_str(host).map_err(|_| Trouble::Failed("no host".into()))?;
        headers.insert(HOST, host);
        Ok(Signed { url, headers })
    }

    /// The signer for the region of the address, else for that of this process.
    async fn signer(&self) -> Result<&Signer, Trouble> {
        let signer = async {
            let aws = aws::shared();
            let own = aws.signer().await;
            let region = match self.base.as_deref().and_then(region) {
                Some(region) => region,
                None => own.region()?,
            };
            Ok(own.in_region(region.to_owned()))
        };
        self.signer.get_or_try_init(|| signer).await
    }
}

/// The region that an address of Bedrock names.
fn region(base: &str) -> Option<&str> {
    let host = base.split_once("://")?.1;
    let rest = host.strip_prefix("bedrock-runtime").or_else(|| {
        // An endpoint of a VPC.
        host.split_once(".bedrock-runtime").map(|(_, rest)| rest)
    })?;
    let rest = rest.strip_prefix("-fips").unwrap_or(rest).strip_prefix('.')?;
    rest.split_once('.').map(|(region, _)| region)
}

/// The model of a cross-region inference profile (Amazon Bedrock User Guide, "Supported Regions and
/// models for inference profiles").
fn foundation(id: &str) -> &str {
    const PROFILES: [&str; 8] = ["apac.", "au.", "ca.", "eu.", "global.", "jp.", "us-gov.", "us."];
    PROFILES.iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id)
}

/// An id as a part of a path: ARNs have slashes, versions colons.
fn escaped(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_its_region() {
        let told = [
            ("https://bedrock-runtime.eu-central-1.amazonaws.com", Some("eu-central-1")),
            ("https://bedrock-runtime-fips.us-west-2.amazonaws.com", Some("us-west-2")),
            (
                "https://vpce-1.bedrock-runtime.ap-northeast-1.vpce.amazonaws.com",
                Some("ap-northeast-1"),
            ),
            ("http://127.0.0.1:9000/x", None),
        ];
        for (base, expected) in told {
            assert_eq!(region(base), expected, "{base}");
        }
    }

    #[test]
    fn a_profile_s_tokens_are_counted_by_its_model() {
        let models = ["eu.anthropic.claude-x", "us-gov.anthropic.claude-x", "anthropic.claude-x"];
        assert_eq!(models.map(foundation), ["anthropic.claude-x"; 3]);
        assert_eq!(foundation("euler.model"), "euler.model");
    }

    #[test]
    fn an_id_is_one_part_of_the_path() {
        assert_eq!(escaped("eu.anthropic.claude-x-v1:0"), "eu.anthropic.claude-x-v1%3A0");
        assert_eq!(escaped("arn:aws:b::p/x"), "arn%3Aaws%3Ab%3A%3Ap%2Fx");
    }
}
