//! AWS as the router reaches it: one configuration and one client a service, made at first use.
//!
//! Owns region, credentials, time limits and retries; what is stored where is its callers'.

pub(crate) mod dynamo;
mod http;
pub(crate) mod outage;
pub mod sign;
pub mod trouble;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::http::Request;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_s3::config::StalledStreamProtectionConfig;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use tokio::sync::OnceCell;

use sign::Signer;
use trouble::{Trouble, innermost};

/// Inside a region a connection takes milliseconds.
const CONNECT: Duration = Duration::from_secs(2);
/// One try. The router holds nothing larger than an audit record, which is some megabytes.
const ATTEMPT: Duration = Duration::from_secs(3);
/// A call with its second try.
const CALL: Duration = Duration::from_secs(5);
/// The second try mends a lost connection. More would be a storm from every instance at once, when
/// the service is what fails; whoever calls goes on with what it has and comes back later.
const TRIES: u32 = 2;

/// The clients of one process. Nothing is done before the first one is asked for.
#[derive(Debug, Default)]
pub struct Aws {
    config: OnceCell<SdkConfig>,
    http: http::Client,
    s3: OnceCell<aws_sdk_s3::Client>,
    secrets: OnceCell<aws_sdk_secretsmanager::Client>,
    signer: OnceCell<Signer>,
}

/// The clients of this process.
pub fn shared() -> Arc<Aws> {
    static SHARED: OnceLock<Arc<Aws>> = OnceLock::new();
    Arc::clone(SHARED.get_or_init(Arc::default))
}

impl Aws {
    /// S3. A call ends within some seconds, but reading a body does not: its reader sets a limit.
    pub async fn s3(&self) -> &aws_sdk_s3::Client {
        let client = async {
            let config = self.config().await;
            // Emulators have no host a bucket.
            let by_path = config.endpoint_url().is_some() || is_set("AWS_ENDPOINT_URL_S3");
            let builder = aws_sdk_s3::config::Builder::from(config).force_path_style(by_path);
            aws_sdk_s3::Client::from_conf(builder.build())
        };
        self.s3.get_or_init(|| client).await
    }

    /// Secrets Manager.
    pub async fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        let client = async { aws_sdk_secretsmanager::Client::new(self.config().await) };
        self.secrets.get_or_init(|| client).await
    }

    /// What signs requests that no client of the SDK makes.
    pub async fn signer(&self) -> &Signer {
        let signer = async { Signer::new(self.config().await) };
        self.signer.get_or_init(|| signer).await
    }

    /// Where a service is: as the environment says, else in the region of this process.
    pub(crate) async fn endpoint(&self, service: &str, variable: &str) -> Result<String, Trouble> {
        if let Some(url) = std::env::var(variable).ok().filter(|url| !url.is_empty()) {
            return Ok(url);
        }
        if let Some(url) = self.config().await.endpoint_url() {
            return Ok(url.to_owned());
        }
        let region = self.signer().await.region()?;
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Ok(format!("https://{service}.{region}.{domain}/"))
    }

    /// Sends a signed request and reads its answer, which is refused past `limit` bytes. How long
    /// that may take is the caller's to say.
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<(u16, Bytes), Trouble> {
        let response = self.http.pass(request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), limit).collect().await;
        let body = body.map_err(|error| Trouble::Unreachable(innermost(&*error)))?;
        Ok((status, body.to_bytes()))
    }

    async fn config(&self) -> &SdkConfig {
        self.config.get_or_init(|| loader(self.http.clone()).load()).await
    }
}

fn loader(http: http::Client) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
        // Whoever reads a body limits its whole time.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    // As on Lambda. The chain of providers would find the same, after making a client for each.
    if is_set("AWS_ACCESS_KEY_ID") && is_set("AWS_SECRET_ACCESS_KEY") {
        let loader = loader.credentials_provider(
            aws_config::environment::EnvironmentVariableCredentialsProvider::new(),
        );
        return match std::env::var("AWS_REGION") {
            Ok(region) => loader.region(Region::new(region)),
            Err(_) => loader,
        };
    }
    loader
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}
