//! The smallest Lambda function that `lambda_runtime` makes: what the router's cold start is
//! measured beside.
//!
//! It owns nothing; `cargo xtask bench --only cold` starts it.

use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let hello = async |_: LambdaEvent<Value>| Ok::<_, Error>(json!({"statusCode": 200}));
    Runtime::new(service_fn(hello)).run().await
}
