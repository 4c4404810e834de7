//! Spans to a collector of OpenTelemetry, in its own protocol (OTLP): protocol buffers over HTTP, without TLS. Only
//! this file names opentelemetry.
//!
//! A span that ends goes into a queue of bounded length, and a thread of its own sends the queue in batches, so no
//! request waits for the collector. What the queue has no room for, and what the collector does not take, is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use axum::http::Uri;
use axum::http::uri::Scheme;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry};

/// The longest time for an answer of the collector. After this time a batch is not sent again, either.
const SEND: Duration = Duration::from_secs(3);

/// The longest time for what is left when the server ends.
const END: Duration = Duration::from_secs(5);

/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 65_536;

/// What the targets of our own spans begin with: those of `memory` and of this program.
const OURS: &str = "memory";

/// A collector that gets all spans.
pub struct Collector(SdkTracerProvider);

impl Collector {
    /// The collector at that address. What is sent to it is sent on the runtime of the caller.
    pub fn new(url: &str) -> Result<Collector> {
        let is_plain = url.parse::<Uri>().is_ok_and(|uri| uri.scheme() == Some(&Scheme::HTTP));
        ensure!(is_plain, "--otlp {url}: name a collector without TLS, as in http://127.0.0.1:4318");
        let sender = Sender {
            http: Client::builder(TokioExecutor::new()).build_http(),
            runtime: Handle::current(),
            url: url.to_owned(),
            is_told: AtomicBool::new(false),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(sender)
            .with_endpoint(format!("{}/v1/traces", url.trim_end_matches('/')))
            .with_timeout(SEND)
            .build()
            .context("--otlp")?;
        let resource = Resource::builder().with_service_name("memory-server").build();
        Ok(Collector(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
    }

    /// What takes the spans of this program.
    pub fn output(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let spans = tracing_opentelemetry::layer().with_tracer(self.0.tracer("memory-server"));
        let spans = spans.with_location(false).with_threads(false).with_context_activation(false);
        spans.with_filter(Targets::new().with_target(OURS, LevelFilter::DEBUG)).boxed()
    }

    /// Sends what is left.
    pub async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(END)).await;
        if !matches!(ended, Ok(Ok(()))) {
            eprintln!("memory-server: the collector did not take the last spans within {} s", END.as_secs());
        }
    }
}

/// The exporter's HTTP client. The exporter's thread has no runtime, so requests run on that of the server.
#[derive(Debug)]
struct Sender {
    http: Client<HttpConnector, Full<Bytes>>,
    runtime: Handle,
    url: String,
    is_told: AtomicBool,
}

impl Sender {
    /// The collector's answer.
    async fn post(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.http.request(request.map(Full::new));
        let answered = async move {
            let (head, body) = sent.await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        self.runtime.spawn(async move { timeout(SEND, answered).await? }).await?
    }

    /// Says what is wrong with the collector, once.
    fn tell(&self, problem: &str) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            eprintln!(
                "memory-server: the collector at {} takes no spans: {problem}; requests are still answered (reported \
                once)",
                self.url
            );
        }
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.post(request).await.map_err(anyhow::Error::from_boxed);
        match &answer {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.tell(&format!("it answers {}", answer.status())),
            Err(error) => self.tell(&format!("{error:#}")),
        }
        Ok(answer?)
    }
}
