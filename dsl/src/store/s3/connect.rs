//! The way to a bucket: credentials, region and the HTTPS client.
//!
//! Owns what is asked for before the first call, so that what is missing is told as that and not as
//! a call that failed.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, ProvideCredentials, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder as HttpBuilder, Connector};

use super::super::Trouble;
use super::trouble::{self, Place};

/// How long a call may take, its repetitions included. A map is some hundred kilobytes.
const LONGEST_CALL: Duration = Duration::from_mins(1);

/// How long one try may take.
const LONGEST_TRY: Duration = Duration::from_secs(20);

/// What the environment says of where S3 is.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];

/// A client, and where it leads.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) place: Place,
}

/// Finds credentials and region as every AWS tool does.
pub(super) async fn connect(bucket: &str) -> Result<Connected, Trouble> {
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(LONGEST_CALL)
        .operation_attempt_timeout(LONGEST_TRY)
        .build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .timeout_config(timeouts)
        .load()
        .await;
    check_credentials(&config).await?;
    let Some(region) = config.region() else { return Err(trouble::no_region()) };
    let endpoint = endpoint(&config);
    let place =
        Place { bucket: bucket.to_owned(), region: region.to_string(), endpoint: endpoint.clone() };
    // Servers other than AWS seldom have a host name for each bucket.
    let config = Builder::from(&config).force_path_style(endpoint.is_some()).build();
    Ok(Connected { client: Client::from_conf(config), place })
}

async fn check_credentials(config: &SdkConfig) -> Result<(), Trouble> {
    let Some(provider) = config.credentials_provider() else {
        return Err(trouble::no_credentials());
    };
    provider.provide_credentials().await.map(drop).map_err(|error| trouble::of_credentials(&error))
}

fn endpoint(config: &SdkConfig) -> Option<String> {
    let of_system = ENDPOINTS.into_iter().find_map(|name| std::env::var(name).ok());
    of_system.filter(|it| !it.is_empty()).or_else(|| config.endpoint_url().map(str::to_owned))
}

/// On rustls with ring, through the proxy that `HTTPS_PROXY` names: the SDK's own default has
/// another TLS stack and no proxy.
fn http_client() -> SharedHttpClient {
    HttpBuilder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|it| it.sleep_impl()));
        connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    })
}
