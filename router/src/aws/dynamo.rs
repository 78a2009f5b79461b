//! Single items of one DynamoDB table, over its JSON protocol.
//!
//! Owns the call and what its failures mean; what an item holds is its callers'. The SDK's client
//! of the service would add more to the program than all that the router keeps in the table.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Aws;
use super::trouble::Trouble;

/// What an attribute may be read and written as: `{"name": {"N": "5"}}`.
pub(crate) type Item = Map<String, Value>;

/// An item is a few hundred bytes.
const ANSWER_LIMIT: usize = 512 * 1024;

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    aws: Arc<Aws>,
    name: String,
}

/// A change of one item, under a condition.
pub(crate) struct Update {
    pub(crate) id: String,
    /// `SET a = a + :n`.
    pub(crate) change: String,
    pub(crate) condition: String,
    /// `#n` and the like; all that are given must be used.
    pub(crate) names: Item,
    /// `:n` and the like.
    pub(crate) values: Item,
}

/// Why an update was not made.
#[derive(Debug)]
pub(crate) enum NotMade {
    /// The condition does not hold; the item as it is, where there is one.
    Condition(Option<Item>),
    /// The table cannot be asked.
    Trouble(Trouble),
}

#[derive(Deserialize)]
struct Updated {
    #[serde(rename = "Attributes", default)]
    attributes: Item,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "Item", default)]
    item: Item,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(rename = "Item")]
    item: Option<Item>,
}

impl Table {
    pub(crate) fn new(aws: Arc<Aws>, name: String) -> Self {
        Self { aws, name }
    }

    /// Changes an item as one step, and gives it as it is then.
    pub(crate) async fn update(&self, update: Update) -> Result<Item, NotMade> {
        let mut body = request(json!({
            "TableName": self.name,
            "Key": {"id": {"S": update.id}},
            "UpdateExpression": update.change,
            "ConditionExpression": update.condition,
            "ExpressionAttributeValues": update.values,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }));
        if !update.names.is_empty() {
            body.insert("ExpressionAttributeNames".into(), update.names.into());
        }
        let body = Value::Object(body);
        let (status, answer) = self.call("UpdateItem", &body).await.map_err(NotMade::Trouble)?;
        if status == 200 {
            let updated: Updated = read(&answer).map_err(NotMade::Trouble)?;
            return Ok(updated.attributes);
        }
        Err(refused(status, &answer))
    }

    /// An item as it is after every update that was made by now; empty where there is none.
    pub(crate) async fn read(&self, id: &str) -> Result<Item, NotMade> {
        let body = json!({
            "TableName": self.name,
            "Key": {"id": {"S": id}},
            "ConsistentRead": true,
        });
        let (status, answer) = self.call("GetItem", &body).await.map_err(NotMade::Trouble)?;
        if status == 200 {
            let found: Found = read(&answer).map_err(NotMade::Trouble)?;
            return Ok(found.item);
        }
        Err(refused(status, &answer))
    }

    async fn call(&self, operation: &str, body: &Value) -> Result<(u16, Bytes), Trouble> {
        let signer = self.aws.signer().await;
        let endpoint = self.aws.endpoint("dynamodb", "AWS_ENDPOINT_URL_DYNAMODB").await?;
        let mut request = Request::post(endpoint)
            .header(CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .body(Bytes::from(body.to_string()))
            .map_err(|error| Trouble::Failed(error.to_string()))?;
        signer.sign("dynamodb", &mut request, SystemTime::now()).await?;
        self.aws.send(request, ANSWER_LIMIT).await
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "the state table {}", self.name)
    }
}

/// The members of an operation's request.
fn request(body: Value) -> Map<String, Value> {
    match body {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn read<'a, T: Deserialize<'a>>(answer: &'a [u8]) -> Result<T, Trouble> {
    serde_json::from_slice(answer).map_err(|_| Trouble::Failed("its answer is no JSON".into()))
}

/// What an answer that is not 200 means.
fn refused(status: u16, answer: &[u8]) -> NotMade {
    let Ok(refusal) = read::<Refusal>(answer) else {
        return NotMade::Trouble(failed(status, ""));
    };
    let kind = refusal.kind.rsplit('#').next().unwrap_or_default();
    match kind {
        "ConditionalCheckFailedException" => NotMade::Condition(refusal.item),
        "ResourceNotFoundException" => NotMade::Trouble(Trouble::Missing),
        "AccessDeniedException" | "UnrecognizedClientException" => {
            NotMade::Trouble(Trouble::Denied(format!("{status} {kind}")))
        }
        _ => NotMade::Trouble(failed(status, kind)),
    }
}

fn failed(status: u16, kind: &str) -> Trouble {
    Trouble::Failed(format!("{status} {kind}").trim_end().to_owned())
}

/// A whole number as an attribute.
pub(crate) fn number(value: impl std::fmt::Display) -> Value {
    json!({"N": value.to_string()})
}

/// A text as an attribute.
pub(crate) fn text(value: &str) -> Value {
    json!({"S": value})
}

/// A whole number that an item has.
pub(crate) fn number_of(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.get("N")?.as_str()?.parse().ok()
}

/// A text that an item has.
pub(crate) fn text_of<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)?.get("S")?.as_str()
}

/// Waits no longer than this.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, NotMade>>,
) -> Result<T, NotMade> {
    let in_time = tokio::time::timeout(limit, work).await;
    in_time.unwrap_or(Err(NotMade::Trouble(Trouble::Slow)))
}
