//! The memories that are served: one, or one per tenant, each in its own folder and opened when it is first asked for.
//!
//! Tenants share nothing but the process: each has its own store, caches and counters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::http::StatusCode;
use episodes::api::Healthy;
use memory::{Memory, Options, Retention, Variant};
use memory_server::Refusal;
use tokio::sync::{Mutex, RwLock};
use tokio::task::JoinSet;

/// The most tenants: each open store takes memory and files.
const TENANTS_MAX: usize = 1_024;

/// The longest name of a tenant.
const NAME_BYTES_MAX: usize = 64;

/// A memory and its routes.
#[derive(Clone)]
pub struct Served {
    pub memory: Arc<Memory>,
    pub routes: Router,
}

pub struct Tenants {
    /// The folder with a folder for each; none where there is one memory, under the empty name.
    folder: Option<PathBuf>,
    variant: Variant,
    retention: Retention,
    body_bytes: usize,
    open: RwLock<BTreeMap<String, Served>>,
    opening: Mutex<()>, // one at a time, and nobody twice; the others are served meanwhile
}

impl Tenants {
    fn new(folder: Option<PathBuf>, variant: Variant, retention: Retention, body_bytes: usize) -> Tenants {
        Tenants { folder, variant, retention, body_bytes, open: RwLock::default(), opening: Mutex::default() }
    }

    /// Serves that one memory, with bodies of at most so many bytes.
    pub async fn one(variant: Variant, options: Options, retention: Retention, body_bytes: usize) -> Result<Tenants> {
        let tenants = Tenants::new(None, variant, retention, body_bytes);
        let served = tenants.served(options).await.with_context(|| format!("opening the memory ({variant})"))?;
        tenants.open.write().await.insert(String::new(), served);
        Ok(tenants)
    }

    /// Serves a memory for each tenant, below that folder.
    pub fn many(variant: Variant, folder: PathBuf, retention: Retention, body_bytes: usize) -> Result<Tenants> {
        std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        Ok(Tenants::new(Some(folder), variant, retention, body_bytes))
    }

    pub fn are_many(&self) -> bool {
        self.folder.is_some()
    }

    /// The memory of that tenant, opened if nobody did before.
    pub async fn get(&self, name: &str) -> std::result::Result<Served, Refusal> {
        if let Some(served) = self.open.read().await.get(name) {
            return Ok(served.clone());
        }
        let _opening = self.opening.lock().await;
        if let Some(served) = self.open.read().await.get(name) {
            return Ok(served.clone());
        }
        if self.open.read().await.len() >= TENANTS_MAX {
            let error = format!("{TENANTS_MAX} tenants are open: serve more of them with another server");
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error));
        }
        let folder = self.folder.as_deref().unwrap_or(Path::new("")).join(name);
        let served = async {
            std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
            self.served(Options { path: Some(folder.join("memory.db")), ..Options::default() }).await
        };
        let served = served.await.map_err(|error| {
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, format!("the tenant's memory cannot be opened: {error:#}"))
        })?;
        self.open.write().await.insert(name.to_owned(), served.clone());
        Ok(served)
    }

    async fn served(&self, options: Options) -> Result<Served> {
        let memory = Arc::new(Memory::open(&self.variant, options).await?);
        if self.retention != Retention::default() {
            memory.retain(&self.retention).await.context("deleting what is too old")?;
        }
        Ok(Served { routes: memory_server::router_limited(Arc::clone(&memory), self.body_bytes), memory })
    }

    /// The memories that are open.
    pub async fn all(&self) -> Vec<Arc<Memory>> {
        self.open.read().await.values().map(|served| Arc::clone(&served.memory)).collect()
    }

    /// The memories that are open, each with its health. They are asked side by side: one that hangs takes a second.
    pub async fn check(&self) -> Vec<(Arc<Memory>, Healthy)> {
        let asked = self.all().await.into_iter().map(|memory| async move {
            let health = memory_server::check(&memory).await;
            (memory, health)
        });
        asked.collect::<JoinSet<_>>().join_all().await
    }

    /// Deletes everywhere what the rule does not keep.
    pub async fn retain(&self) -> memory::Result<()> {
        memory_server::retain(&self.all().await, &self.retention).await
    }

    /// Flushes and closes all, and returns the first error.
    pub async fn close(&self) -> memory::Result<()> {
        let mut first = Ok(());
        for memory in self.all().await {
            first = first.and(memory_server::close(&memory).await);
        }
        first
    }
}

/// Names are parts of paths: letters, digits, `-` and `_`.
pub fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(known)
}
