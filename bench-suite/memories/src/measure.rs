//! The measurement of one memory, in a new folder and with a model of its own.
//!
//! It fills to each size, one episode at a time, the last ones at the rate. At each size it searches one at a time,
//! then at the rate, with other queries. Then everything is cleared. In a second folder, episodes are stored, the
//! process is killed, and started again.
//!
//! Memories are measured one after the other. The first call that fails ends a memory's measurement; what was measured
//! until then stays.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use harness::progress::Progress;
use harness::workspace;

use crate::adapter::MemoryAdapter;
use crate::arrivals::{self, OpenRun};
use crate::model::ModelStub;
use crate::results::{
    CallsPerOperation, Kept, LatencyGrowth, LatencyTimes, MeasuredMemory, MeasuredOperation, MeasuredSize,
};
use crate::running::RunningMemory;
use crate::template::ByName;
use crate::texts::{MemoryTexts, QueryKind};

pub use crate::running::{ProgramPlaces, install};

/// Episodes of each kind that are asked for after a kill, and after everything was cleared.
const ASKED: usize = 10;

/// What is measured of every memory.
#[derive(Debug, Clone)]
pub struct MemoryPlan {
    /// Numbers of stored episodes, rising.
    pub sizes: Vec<usize>,
    /// Queries of each kind, and at each pace.
    pub queries: usize,
    /// Operations per second, on average.
    pub rate: f64,
    /// The results of a search that count.
    pub k: usize,
    /// The seed of texts and of arrivals.
    pub seed: u64,
    /// The least time of each answer of the model.
    pub model_delay: Duration,
    /// Where programs are.
    pub places: ProgramPlaces,
}

/// Measures a memory. Call it on the main thread: the memory's process ends with the thread.
pub async fn measure(adapter: MemoryAdapter, plan: &MemoryPlan) -> MeasuredMemory {
    let mut measured = MeasuredMemory::of(&adapter);
    let adapter = Arc::new(adapter);
    let largest = plan.sizes.last().copied().unwrap_or_default();
    let texts = Arc::new(MemoryTexts::new(plan.seed, largest.max(2 * ASKED)));
    let all = async {
        fill_and_search(&adapter, plan, &texts, &mut measured).await?;
        if adapter.start.is_some() {
            measured.kept = Some(kept(&adapter, plan, &texts).await.context("after a kill")?);
        }
        Ok::<_, anyhow::Error>(())
    };
    if let Err(error) = all.await {
        measured.failed = Some(format!("{error:#}").replace('\n', " "));
    }
    measured
}

/// A memory in the middle of its measurement.
struct Session<'a> {
    plan: &'a MemoryPlan,
    texts: &'a Arc<MemoryTexts>,
    memory: Arc<RunningMemory>,
    model: ModelStub,
    stored: Vec<ByName>,
    progress: Progress,
}

async fn fill_and_search(
    adapter: &Arc<MemoryAdapter>,
    plan: &MemoryPlan,
    texts: &Arc<MemoryTexts>,
    measured: &mut MeasuredMemory,
) -> Result<()> {
    let folder = workspace::temporary("memory-")?;
    let model = start_model(adapter, plan).await?;
    let memory = Arc::new(start(adapter, plan, folder.path(), &model).await?);
    measured.says_it_is = memory.says_it_is();
    memory.reset().await?;
    let operations = plan.sizes.last().copied().unwrap_or_default() + 4 * plan.queries * plan.sizes.len();
    let progress = Progress::start(&adapter.name, operations);
    let mut session = Session { plan, texts, memory, model, stored: Vec::new(), progress };
    for size in &plan.sizes {
        let at_size = session.measure(*size).await.with_context(|| format!("at {size} episodes"))?;
        measured.sizes.push(at_size);
    }
    measured.growth = LatencyGrowth::of(&measured.sizes);
    if session.memory.clear(&session.stored).await? {
        let asked = ASKED.min(session.stored.len());
        measured.cleared = Some(found(&session.memory, texts, 0..asked, plan.k).await.context("after clear")? == 0);
    }
    Ok(())
}

impl Session<'_> {
    async fn measure(&mut self, size: usize) -> Result<MeasuredSize> {
        let (calls, first) = (self.model.calls(), self.stored.len());
        let (alone, at_rate) = self.fill(size).await?;
        let indexed = self.memory.wait_until_indexed(size).await?;
        // Some ask their model after they have answered.
        let model = CallsPerOperation::of(self.model.calls().since(calls), size - first);
        let ingest = operation(&alone, &at_rate, model);
        let (search, [recall_known, recall_reworded]) = self.search().await?;
        let indexed_ns = indexed.map(|took| u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        Ok(MeasuredSize { stored: size, ingest, indexed_ns, search, recall_known, recall_reworded })
    }

    /// Stores episodes until there are so many; up to half of the new ones at the rate. Returns the times of those that
    /// are stored one at a time, ns, and the others.
    async fn fill(&mut self, size: usize) -> Result<(Vec<f64>, OpenRun<ByName>)> {
        let at_rate = self.plan.queries.min((size - self.stored.len()) / 2);
        let mut alone = Vec::new();
        while self.stored.len() < size - at_rate {
            let (number, begun) = (self.stored.len(), Instant::now());
            self.stored.push(self.memory.ingest(number, self.texts.task(number)).await?);
            alone.push(begun.elapsed().as_nanos() as f64);
            self.progress.done("");
        }
        let next = self.stored.len();
        let run = arrivals::open(self.plan.rate, self.plan.seed ^ size as u64, at_rate, |number| {
            let (memory, texts) = (Arc::clone(&self.memory), Arc::clone(self.texts));
            async move { memory.ingest(next + number, texts.task(next + number)).await }
        });
        let mut run = run.await.with_context(|| self.at_rate())?;
        (0..at_rate).for_each(|_| self.progress.done(""));
        self.stored.append(&mut run.answers);
        Ok((alone, run))
    }

    /// Searches for every second of these queries one at a time, and for the others at the rate. Returns the recall of
    /// known and of reworded queries as well.
    async fn search(&mut self) -> Result<(MeasuredOperation, [f64; 2])> {
        let (calls, stored, queries) = (self.model.calls(), self.stored.len(), self.plan.queries);
        // Asked in turns, so that both kinds meet the same memory.
        let asked: Vec<(usize, QueryKind)> = (0..2 * queries)
            .map(|query| query * stored / (2 * queries))
            .flat_map(|number| [(number, QueryKind::Known), (number, QueryKind::Reworded)])
            .collect();
        let (even, odd): (Vec<_>, Vec<_>) = asked.chunks(2).enumerate().partition(|(place, _)| place % 2 == 0);
        let [even, odd] =
            [even, odd].map(|half| half.into_iter().flat_map(|(_, pair)| pair.to_vec()).collect::<Vec<_>>());
        let (mut alone, mut hits) = (Vec::new(), [0usize; 2]);
        for (number, kind) in even {
            let query = self.texts.query(kind, number);
            let begun = Instant::now();
            let keys = self.memory.search(&query, self.plan.k).await?;
            alone.push(begun.elapsed().as_nanos() as f64);
            hits[kind as usize] += usize::from(keys.contains(&number));
            self.progress.done("");
        }
        let run = arrivals::open(self.plan.rate, self.plan.seed ^ stored as u64, odd.len(), |place| {
            let (number, kind) = odd[place];
            let (memory, k, query) = (Arc::clone(&self.memory), self.plan.k, self.texts.query(kind, number));
            async move { Ok((kind, memory.search(&query, k).await?.contains(&number))) }
        });
        let run = run.await.with_context(|| self.at_rate())?;
        for (kind, is_found) in &run.answers {
            hits[*kind as usize] += usize::from(*is_found);
            self.progress.done("");
        }
        let model = CallsPerOperation::of(self.model.calls().since(calls), alone.len() + run.answers.len());
        Ok((operation(&alone, &run, model), hits.map(|hits| hits as f64 / (2 * queries) as f64)))
    }

    fn at_rate(&self) -> String {
        format!("at {} per second (a lower --rate may do)", self.plan.rate)
    }
}

fn operation<T>(alone: &[f64], run: &OpenRun<T>, model: CallsPerOperation) -> MeasuredOperation {
    let at_rate = LatencyTimes::of(&run.times_ns);
    let [offered, answered] = [run.offered, run.answered].map(|rate| at_rate.map(|_| rate));
    MeasuredOperation { alone: LatencyTimes::of(alone), at_rate, offered, answered, model }
}

/// Stores episodes in a new folder, kills the process, starts it again and searches.
async fn kept(adapter: &Arc<MemoryAdapter>, plan: &MemoryPlan, texts: &MemoryTexts) -> Result<Kept> {
    let folder = workspace::temporary("memory-")?;
    let model = start_model(adapter, plan).await?;
    let memory = start(adapter, plan, folder.path(), &model).await?;
    memory.reset().await?;
    for number in 0..ASKED {
        memory.ingest(number, texts.task(number)).await?;
    }
    memory.wait_until_indexed(ASKED).await?;
    let settled_before = found(&memory, texts, 0..ASKED, plan.k).await?;
    for number in ASKED..2 * ASKED {
        memory.ingest(number, texts.task(number)).await?;
    }
    memory.kill();
    let memory = start(adapter, plan, folder.path(), &model).await.context("it does not start again")?;
    // What is lost is never indexed: the searches tell.
    let _ = memory.wait_until_indexed(2 * ASKED).await;
    let settled_after = found(&memory, texts, 0..ASKED, plan.k).await?;
    let last_after = found(&memory, texts, ASKED..2 * ASKED, plan.k).await?;
    Ok(Kept { asked: ASKED, settled_before, settled_after, last_after })
}

async fn start_model(adapter: &MemoryAdapter, plan: &MemoryPlan) -> Result<ModelStub> {
    ModelStub::start(adapter.model.clone().unwrap_or_default(), plan.model_delay).await
}

async fn start(
    adapter: &Arc<MemoryAdapter>,
    plan: &MemoryPlan,
    folder: &Path,
    model: &ModelStub,
) -> Result<RunningMemory> {
    RunningMemory::start(adapter, folder, model.url(), &plan.places).await
}

/// The number of these episodes that their own tasks find.
async fn found(
    memory: &RunningMemory,
    texts: &MemoryTexts,
    numbers: std::ops::Range<usize>,
    k: usize,
) -> Result<usize> {
    let mut count = 0;
    for number in numbers {
        count += usize::from(memory.search(texts.task(number), k).await?.contains(&number));
    }
    Ok(count)
}
