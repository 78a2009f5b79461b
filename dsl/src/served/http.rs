//! The question itself, over HTTP.
//!
//! Owns the call and its patience: TLS by the system's certificates, proxies and redirects as users
//! know them are reqwest's.

use std::time::{Duration, Instant};

use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use tokio::runtime::Runtime;

use super::Served;
use crate::store::Trouble;

/// How long an answer may take. A function that starts reads its map and its keys first.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// So many answers in a row have to name the map: several instances may answer in turn, and each
/// follows by itself.
const IN_A_ROW: u32 = 3;

/// No router says more of itself.
const LONGEST_ANSWER: usize = 1 << 20;

/// A router, or what stands before several.
#[derive(Debug)]
pub struct Router {
    url: Url,
    client: Client,
    runtime: Runtime,
}

impl Router {
    /// The router with this address, `https://HOST` with or without the path of its API.
    ///
    /// # Errors
    /// When that is no address.
    pub fn at(address: &str) -> Result<Self, Trouble> {
        let url = health(address)?;
        // The only TLS library in this program, where no other part has chosen it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("sfai-dsl/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            // Over a kept connection one and the same instance would answer each time.
            .pool_max_idle_per_host(0)
            .build();
        let client = client.map_err(|error| cannot(&url, &told(&error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| cannot(&url, &error.to_string()))?;
        Ok(Self { url, client, runtime })
    }

    /// Where it is asked.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Asks once.
    ///
    /// # Errors
    /// When it cannot be reached, has no map yet, or is no router.
    pub fn served(&self) -> Result<Served, Trouble> {
        self.runtime.block_on(self.ask())
    }

    /// Asks until it serves the map of this digest, for `limit` at the longest; none where it does.
    /// Else what came last.
    pub fn follows(&self, digest: &str, limit: Duration) -> Option<Result<Served, Trouble>> {
        let until = Instant::now() + limit;
        let mut in_a_row = 0;
        self.runtime.block_on(async {
            loop {
                let answer = self.ask().await;
                let is_it = answer.as_ref().is_ok_and(|served| served.digest == digest);
                in_a_row = if is_it { in_a_row + 1 } else { 0 };
                if in_a_row == IN_A_ROW {
                    return None;
                }
                if is_it {
                    continue;
                }
                if Instant::now() + PAUSE > until {
                    return Some(answer);
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    async fn ask(&self) -> Result<Served, Trouble> {
        let sent = self.client.get(self.url.clone()).send().await;
        let response = sent.map_err(|error| cannot(&self.url, &told(&error)))?;
        let status = response.status();
        let body = whole(response).await.map_err(|why| cannot(&self.url, &why))?;
        if let (StatusCode::OK, Ok(health)) = (status, serde_json::from_slice::<Health>(&body)) {
            return Ok(health.into());
        }
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(Refusal { error }) if error.code.as_deref() == Some("not_ready") => {
                Err(cannot(&self.url, &error.message))
            }
            _ => Err(Trouble::new(
                format!("what answers at {} is no router: it says {status}", self.url),
                "--url is where clients call the router, such as the stack's output ChatFunctionUrl",
            )),
        }
    }
}

/// Where a router tells of itself. Users have its address with the path that clients are given.
fn health(address: &str) -> Result<Url, Trouble> {
    let wrong = |why: &str| {
        let help = "write it as clients have it: --url https://models.example.org";
        Trouble::new(format!("`{address}` is no address of a router: {why}"), help)
    };
    let mut url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("it begins with neither https:// nor http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it holds a user's name or a password, and the question needs none"));
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1").unwrap_or(path);
    let path = format!("{}/health", path.strip_suffix("/health").unwrap_or(path));
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

async fn whole(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| told(&error))? {
        body.extend_from_slice(&piece);
        if body.len() > LONGEST_ANSWER {
            return Err("its answer does not end".to_owned());
        }
    }
    Ok(body)
}

fn cannot(url: &Url, why: &str) -> Trouble {
    let help = "see that the address is right and that nothing stands between, such as a proxy";
    Trouble::new(format!("{url} does not tell what it serves: {why}"), help)
}

/// What a failed call came from, which reqwest tells in the causes of its errors alone.
fn told(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", PATIENCE.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[derive(Deserialize)]
struct Health {
    status: String,
    map: Map,
}

#[derive(Deserialize)]
struct Map {
    digest: String,
    error: Option<String>,
    refused: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
struct RefusalError {
    code: Option<String>,
    message: String,
}

impl From<Health> for Served {
    fn from(Health { status, map }: Health) -> Self {
        let Map { digest, error, refused } = map;
        Self { digest, status, trouble: refused.or(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_is_asked_beside_the_path_that_clients_call() {
        for (address, asked) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/health"),
            ("https://h.example/", "https://h.example/health"),
            ("https://h.example/v1", "https://h.example/health"),
            ("https://h.example/prod/v1/?a=b#c", "https://h.example/prod/health"),
            ("https://h.example/health", "https://h.example/health"),
        ] {
            assert_eq!(health(address).unwrap().as_str(), asked);
        }
        for (address, part) in [
            ("h.example", "is no address of a router"),
            ("localhost:8080", "neither https:// nor http://"),
            ("file:///map.json", "neither https:// nor http://"),
            ("https://ann:secret@h.example", "holds a user's name"),
        ] {
            let why = health(address).unwrap_err().what;
            assert!(why.contains(part), "{address}: {why}");
        }
    }
}
