//! A stand-in for a language model and an embedder: HTTP as OpenAI has it, on this machine, without a key.
//!
//! It is deterministic, takes a set time, and counts what it is asked, so that a memory's calls to a model are a count
//! and its own time is not mixed with a network's. Embeddings hash words ([`FeatureHashing`]): they find texts that
//! share words, not meanings. A chat is answered by the rules of the adapter, or with its last message. What a memory
//! is worth with a real model is not measured.
//!
//! Paths: `/v1/chat/completions`, `/v1/embeddings`, `/v1/models`. Streams are refused.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memory::{Embedder, FeatureHashing};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::adapter::{AnswerRule, ModelRules};
use crate::template::{self, ByName};

/// What the stand-in was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ModelCalls {
    /// Chat completions.
    pub chats: u64,
    /// Requests for embeddings.
    pub embeddings: u64,
    /// Texts that were embedded.
    pub texts: u64,
}

impl ModelCalls {
    /// The calls since an earlier count.
    pub fn since(self, before: ModelCalls) -> ModelCalls {
        ModelCalls {
            chats: self.chats - before.chats,
            embeddings: self.embeddings - before.embeddings,
            texts: self.texts - before.texts,
        }
    }
}

/// A running stand-in, which ends with this value.
pub struct ModelStub {
    url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    rules: ModelRules,
    delay: Duration,
    chats: AtomicU64,
    embeddings: AtomicU64,
    texts: AtomicU64,
}

type Answer = std::result::Result<Json<Value>, (StatusCode, Json<Value>)>;

impl ModelStub {
    /// Serves on a free port of this machine; every answer takes `delay` at least.
    pub async fn start(rules: ModelRules, delay: Duration) -> Result<ModelStub> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("there is no free port")?;
        let url = format!("http://{}/v1", listener.local_addr().context("asking for the port")?);
        let (chats, embeddings, texts) = Default::default();
        let shared = Arc::new(Shared { rules, delay, chats, embeddings, texts });
        let routes = Router::new()
            .route("/v1/chat/completions", post(chat))
            .route("/v1/embeddings", post(embed))
            .route("/v1/models", get(models))
            .with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            // Without an answer, the memory that asks fails, and says so.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(ModelStub { url, shared, serving })
    }

    /// The base of its URLs, with `/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it was asked until now.
    pub fn calls(&self) -> ModelCalls {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Shared { chats, embeddings, texts, .. } = &*self.shared;
        ModelCalls { chats: read(chats), embeddings: read(embeddings), texts: read(texts) }
    }
}

impl Drop for ModelStub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[derive(Debug, Deserialize)]
struct ChatRequest {
    #[serde(default)]
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    stream: bool,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    content: Value,
}

impl Message {
    /// Its text; a content of parts is joined.
    fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"),
            _ => String::new(),
        }
    }
}

async fn chat(State(shared): State<Arc<Shared>>, Json(request): Json<ChatRequest>) -> Answer {
    shared.chats.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(shared.delay).await;
    if request.stream {
        return Err(refusal("the stand-in has no streams: ask without `stream`"));
    }
    let texts: Vec<String> = request.messages.iter().map(Message::text).collect();
    let content = answer(&shared.rules.answers, &texts).map_err(|error| refusal(&format!("{error:#}")))?;
    let words = |text: &str| text.split_whitespace().count();
    let (asked, answered) = (texts.iter().map(|text| words(text)).sum::<usize>(), words(&content));
    Ok(Json(json!({
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 0,
        "model": request.model,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": content },
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered },
    })))
}

/// The content of an answer to these messages.
fn answer(rules: &[AnswerRule], texts: &[String]) -> Result<String> {
    let last = texts.last().map_or("", String::as_str);
    let Some(rule) = rules.iter().find(|rule| texts.iter().any(|text| text.contains(&rule.asked))) else {
        return Ok(last.to_owned());
    };
    let from = last.find(&rule.after).map_or(last, |start| &last[start + rule.after.len()..]);
    let part = if rule.before.is_empty() { from } else { from.split(&rule.before).next().unwrap_or(from) };
    let values: ByName = [("part".to_owned(), Value::from(part.trim()))].into();
    Ok(match template::fill_value(&rule.answer, &values)? {
        Value::String(text) => text,
        answer => answer.to_string(),
    })
}

#[derive(Debug, Deserialize)]
struct EmbeddingRequest {
    #[serde(default)]
    model: String,
    input: OneOrMore,
    dimensions: Option<usize>,
    encoding_format: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

async fn embed(State(shared): State<Arc<Shared>>, Json(request): Json<EmbeddingRequest>) -> Answer {
    let texts = match request.input {
        OneOrMore::One(text) => vec![text],
        OneOrMore::More(texts) => texts,
    };
    shared.embeddings.fetch_add(1, Ordering::Relaxed);
    shared.texts.fetch_add(texts.len() as u64, Ordering::Relaxed);
    tokio::time::sleep(shared.delay).await;
    let embedder = FeatureHashing::new(request.dimensions.unwrap_or(shared.rules.dimensions));
    let is_packed = request.encoding_format.as_deref() == Some("base64");
    let mut vector = Vec::new();
    let data = texts.iter().enumerate().map(|(index, text)| {
        embedder.embed(text, &mut vector);
        let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        let embedding = if is_packed { json!(STANDARD.encode(bytes)) } else { json!(vector) };
        json!({ "object": "embedding", "index": index, "embedding": embedding })
    });
    let data: Vec<Value> = data.collect();
    let words: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();
    Ok(Json(json!({
        "object": "list",
        "data": data,
        "model": request.model,
        "usage": { "prompt_tokens": words, "total_tokens": words },
    })))
}

async fn models() -> Json<Value> {
    Json(
        json!({ "object": "list", "data": [{ "id": "stand-in", "object": "model", "created": 0, "owned_by": "assay" }] }),
    )
}

fn refusal(message: &str) -> (StatusCode, Json<Value>) {
    let error = json!({ "error": { "message": message, "type": "invalid_request_error" } });
    (StatusCode::BAD_REQUEST, Json(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::{AdapterCall, CallAction};
    use crate::connection::MemoryConnection;

    fn request(path: &str, body: &str) -> AdapterCall {
        let body: toml::Table = body.parse().unwrap();
        let action = CallAction::Request {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Some(toml::Value::Table(body)),
        };
        AdapterCall { action, take: Vec::new(), each: false }
    }

    async fn ask(stub: &ModelStub, path: &str, body: &str) -> Result<Value> {
        MemoryConnection::http(stub.url())?.call(&request(path, body), &ByName::new()).await
    }

    fn rules() -> ModelRules {
        let answer: toml::Table = "facts = ['{{part}}']".parse().unwrap();
        let rule = AnswerRule {
            asked: "Extract facts".to_owned(),
            after: "Input:".to_owned(),
            before: "End".to_owned(),
            answer: toml::Value::Table(answer),
        };
        ModelRules { dimensions: 8, answers: vec![rule] }
    }

    #[tokio::test]
    async fn it_answers_as_openai_does_and_counts() {
        let stub = ModelStub::start(rules(), Duration::ZERO).await.unwrap();
        let asked = "model = 'm'\nmessages = [{role='system', content='Extract facts'}, {role='user', content=\"Input: a \\\"b\\\" End\"}]";
        let answer = ask(&stub, "/chat/completions", asked).await.unwrap();
        assert_eq!(answer["choices"][0]["message"]["content"], r#"{"facts":["a \"b\""]}"#);
        let asked = "messages = [{role='user', content=[{type='text', text='again'}]}]";
        let answer = ask(&stub, "/chat/completions", asked).await.unwrap();
        assert_eq!(answer["choices"][0]["message"]["content"], "again");
        assert_eq!(stub.calls(), ModelCalls { chats: 2, embeddings: 0, texts: 0 });

        let answer = ask(&stub, "/embeddings", "input = ['one two', 'three']").await.unwrap();
        let plain: Vec<f64> = serde_json::from_value(answer["data"][0]["embedding"].clone()).unwrap();
        assert_eq!((plain.len(), answer["data"][1]["index"].as_u64()), (8, Some(1)));
        let answer = ask(&stub, "/embeddings", "input = 'one two'\nencoding_format = 'base64'").await.unwrap();
        let packed = STANDARD.decode(answer["data"][0]["embedding"].as_str().unwrap()).unwrap();
        let packed: Vec<f64> =
            packed.chunks(4).map(|bytes| f64::from(f32::from_le_bytes(bytes.try_into().unwrap()))).collect();
        assert!(plain.iter().zip(&packed).all(|(plain, packed)| (plain - packed).abs() < 1e-6), "{packed:?}");
        let answer = ask(&stub, "/embeddings", "input = 'one'\ndimensions = 3").await.unwrap();
        assert_eq!(answer["data"][0]["embedding"].as_array().unwrap().len(), 3);
        assert_eq!(stub.calls(), ModelCalls { chats: 2, embeddings: 3, texts: 4 });
    }

    #[tokio::test]
    async fn a_stream_is_refused() {
        let stub = ModelStub::start(ModelRules::default(), Duration::ZERO).await.unwrap();
        let error = ask(&stub, "/chat/completions", "messages = []\nstream = true").await.unwrap_err();
        assert!(format!("{error:#}").contains("status 400"), "{error:#}");
        assert!(format!("{error:#}").contains("ask without `stream`"), "{error:#}");
    }
}
