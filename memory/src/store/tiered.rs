//! Store `tiered`: a libSQL file is the record, with a redb file in front as the local tier.
//!
//! Reads use the tier only while it is in sync. Writes go to the record, which decides, and then to the tier, where
//! they stay in the process. The tier mirrors one *generation* of the record. The record takes a new one at every
//! opening, by whichever store, and when this one closes, which the tier notes. A tier that was lost, damaged or not
//! closed, or whose record was replaced or opened by somebody else, has another generation or none, and is rebuilt from
//! the record. When the two may differ while open (a write that failed half-way, or whose caller went away), the tier
//! is not used any more.
//!
//! The durability class is the record's. Metadata under `json-extract` is looked up in the record: the tier has no
//! JSON.

use std::borrow::Cow;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use scopeguard::{ScopeGuard, guard};
use tokio::sync::Mutex;

use super::files;
use super::libsql::Libsql;
use super::redb::Redb;
use super::{Encoded, EncodedCompletion, Keep, Store, StoreStats, Visit, VisitLocated, Write, steps_stored};
use crate::variant::MetadataKind;
use crate::{Counters, Durability, Encoding, Episode, EpisodeId, Error, Head, Pattern, Result, Step, Variant};

/// The suffix of the tier's file.
const TIER_SUFFIX: &str = "-tier";

/// The future of a store's method: see [`async_trait`].
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Episodes in a libSQL file, with a redb file in front.
pub struct Tiered {
    record: Libsql,
    tier: Redb,
    in_step: AtomicBool, // the tier holds what the record holds
    metadata: MetadataKind,
    write_lock: Mutex<()>, // writes go to both before the next one goes to either
    encoding: Encoding,
    counters: Arc<Counters>,
}

impl Tiered {
    /// Opens the record in the file `path` and the tier beside it, or creates them. An unusable tier is made anew.
    pub async fn open(path: &Path, variant: &Variant, counters: Arc<Counters>, encoding: Encoding) -> Result<Tiered> {
        let tier_path = files::beside(path, TIER_SUFFIX);
        let record = Libsql::open(path, variant, Arc::clone(&counters), encoding.clone()).await?;
        let in_front = Variant { durability: Durability::Buffered, ..*variant };
        let open_tier = || Redb::open(&tier_path, &in_front, Arc::clone(&counters), encoding.clone());
        let tier = match mirror_of(record.found_generation(), open_tier()).await? {
            Some(tier) => tier,
            None => {
                files::remove(&tier_path)?;
                let tier = open_tier()?;
                record.export(&mut |rows| tier.import(rows)).await?;
                counters.tier_rebuilds.add(u64::from(record.found_generation().is_some()));
                tier
            }
        };
        // Until it is closed, the tier mirrors no generation, so that a kill leaves it invalid.
        tier.set_generation(None).await?;
        Ok(Tiered {
            record,
            tier,
            in_step: AtomicBool::new(true),
            metadata: variant.metadata,
            write_lock: Mutex::new(()),
            encoding,
            counters,
        })
    }

    /// The tier may be used.
    fn in_step(&self) -> bool {
        self.in_step.load(Ordering::Acquire)
    }

    fn out_of_step(&self) {
        self.in_step.store(false, Ordering::Release);
    }

    /// Guards a write on its way: if it is not set to have arrived, the tier may differ.
    fn underway(&self) -> ScopeGuard<bool, impl FnOnce(bool)> {
        guard(false, |arrived| {
            if !arrived {
                self.out_of_step()
            }
        })
    }

    /// The answer of the tier, or of the record where the tier has none.
    async fn read<'a, T>(&'a self, ask: impl Fn(&'a dyn Store) -> Answer<'a, T>) -> Result<T> {
        if self.in_step() {
            if let Ok(answer) = ask(&self.tier).await {
                self.counters.tier_hits.increment();
                return Ok(answer);
            }
            self.out_of_step();
        }
        self.counters.tier_misses.increment();
        ask(&self.record).await
    }

    /// Writes to the record, and what it accepted to the tier.
    async fn write(
        &self,
        to_record: impl Future<Output = Result<()>>,
        to_tier: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let _writing = self.write_lock.lock().await;
        let mut arrived = self.underway();
        let accepted = to_record.await;
        *arrived = match &accepted {
            Ok(()) => !self.in_step() || to_tier.await.is_ok(),
            Err(error) => error.nothing_was_written(),
        };
        accepted
    }
}

/// The tier that could be opened, if it mirrors the generation that the record was found in.
async fn mirror_of(generation: Option<&[u8]>, tier: Result<Redb>) -> Result<Option<Redb>> {
    match tier {
        Ok(tier) => {
            if generation.is_some() && tier.generation().is_ok_and(|mirrored| mirrored.as_deref() == generation) {
                return Ok(Some(tier));
            }
            tier.close().await.map(|()| None)
        }
        Err(error @ Error::StoreInUse { .. }) => Err(error),
        Err(_) => Ok(None),
    }
}

#[async_trait]
impl Store for Tiered {
    async fn create(&self, head: &Head) -> Result<()> {
        let value = self.encoding.encode(head)?; // once for both
        self.write(self.record.insert_episode(head, &value), self.tier.insert_episode(head, &value)).await
    }

    async fn append(&self, id: EpisodeId, step: &Step) -> Result<()> {
        let value = self.encoding.encode_step(step)?;
        let record = self.record.insert_step(id, step.number, Cow::Borrowed(&value));
        self.write(record, self.tier.insert_step(id, step.number, &value)).await?;
        self.counters.steps_appended.increment();
        Ok(())
    }

    async fn write_many(&self, writes: &[Write]) -> Result<Vec<Result<()>>> {
        let mut encoded = Encoded::all(writes, &self.encoding)?;
        let _writing = self.write_lock.lock().await;
        let mut arrived = self.underway();
        let outcomes = self.record.write_batch(&encoded).await;
        let outcomes = outcomes.inspect_err(|error| *arrived = error.nothing_was_written())?;
        let mut accepted = outcomes.iter().map(Result::is_ok);
        encoded.retain(|_| accepted.next() == Some(true));
        *arrived = !self.in_step()
            || self.tier.write_batch(&encoded).await.is_ok_and(|mirrored| mirrored.iter().all(Result::is_ok));
        self.counters.steps_appended.add(steps_stored(writes, &outcomes));
        Ok(outcomes)
    }

    async fn complete(&self, head: &Head, embedding: &[f32], patterns: &[Pattern]) -> Result<()> {
        let completion = EncodedCompletion::new(head, embedding, patterns, &self.encoding)?;
        self.write(self.record.complete_episode(&completion), self.tier.complete_episode(&completion)).await
    }

    async fn delete(&self, head: &Head, patterns: &[Pattern]) -> Result<()> {
        self.write(self.record.delete_episode(head, patterns), self.tier.delete_episode(head, patterns)).await
    }

    async fn head(&self, id: EpisodeId) -> Result<Option<Head>> {
        self.read(|store| store.head(id)).await
    }

    async fn episode(&self, id: EpisodeId) -> Result<Option<Arc<Episode>>> {
        self.read(|store| store.episode(id)).await
    }

    async fn episodes(&self, ids: &[EpisodeId]) -> Result<Vec<Option<Arc<Episode>>>> {
        let ids = ids.to_vec();
        self.read(|store| store.episodes(&ids)).await
    }

    async fn scan(&self, visit: &mut Visit<'_>) -> Result<()> {
        if !self.in_step() {
            self.counters.tier_misses.increment();
            return self.record.scan(visit).await;
        }
        self.counters.tier_hits.increment();
        // Visits cannot be undone: a tier that fails half-way fails this scan, and the next one uses the record.
        self.tier.scan(visit).await.inspect_err(|_| self.out_of_step())
    }

    async fn scan_located(&self, visit: &mut VisitLocated<'_>) -> Result<()> {
        if !self.in_step() {
            self.counters.tier_misses.increment();
            return self.record.scan_located(visit).await;
        }
        self.counters.tier_hits.increment();
        self.tier.scan_located(visit).await.inspect_err(|_| self.out_of_step())
    }

    async fn snapshot(&self, keep: &mut Keep<'_>) -> Result<()> {
        self.record.snapshot(keep).await
    }

    async fn sample(&self) -> Result<Option<(Head, Vec<f32>)>> {
        self.record.sample().await
    }

    async fn nearest(&self, embedding: &[f32], limit: usize) -> Result<Option<Vec<(EpisodeId, f32)>>> {
        self.record.nearest(embedding, limit).await // the tier has no such index
    }

    async fn patterns(&self) -> Result<Vec<Pattern>> {
        self.read(|store| store.patterns()).await
    }

    async fn by_metadata(&self, key: &str, value: &str) -> Result<Vec<EpisodeId>> {
        if self.metadata == MetadataKind::JsonExtract {
            self.counters.tier_misses.increment();
            return self.record.by_metadata(key, value).await;
        }
        let (key, value) = (key.to_owned(), value.to_owned());
        self.read(|store| store.by_metadata(&key, &value)).await
    }

    async fn by_task(&self, task_type: &str, domain: &str, limit: usize) -> Result<Vec<EpisodeId>> {
        let (task_type, domain) = (task_type.to_owned(), domain.to_owned());
        self.read(|store| store.by_task(&task_type, &domain, limit)).await
    }

    async fn stats(&self) -> Result<StoreStats> {
        let tier_bytes = self.tier.stored_bytes();
        let counted = self.read(|store| store.stats()).await?;
        Ok(StoreStats { stored_bytes: self.record.stored_bytes() + tier_bytes, ..counted })
    }

    async fn check(&self) -> Result<()> {
        self.record.check().await // a tier that fails costs speed, not health
    }

    async fn flush(&self) -> Result<()> {
        self.record.flush().await
    }

    async fn close(&self) -> Result<()> {
        let _writing = self.write_lock.lock().await;
        match self.record.flush().await {
            Err(Error::Closed) => return Ok(()),
            flushed => flushed?,
        }
        if self.in_step() {
            let generation = self.record.renew_generation().await?;
            // Without the note the tier is rebuilt, which is slower and as right.
            let _noted = self.tier.set_generation(Some(&generation)).await;
        }
        self.record.close().await?;
        self.tier.close().await
    }
}
