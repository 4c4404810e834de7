//! On a real server too, any two strategies of any two toggles give the answers of the plain model, while connections
//! are cut, requests and answers are lost, the server is killed and restarted, cannot be reached, or forgets its
//! streams, and the queue of writes is full.
//!
//! A write that fails during a fault was done or not: the model adopts the result, and nothing else may differ. A read
//! that fails is an error of this test, as the store can ask again.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use memory::{Clock, Episode, EpisodeId, Error, Head, ManualClock, Memory, NewStep, Options, StartEpisode, Step};
use memory::{IdSource, Remote, StoreKind, Variant, WriteKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestCaseResult, TestError, TestRng, TestRunner};
use testbed::link::Distance;
use tokio::runtime::Runtime;

use crate::covering;
use crate::operation::{self, Operation};
use crate::reference::Model;
use crate::{Bed, play};

/// The longest wait for a write to send something.
const SENDING: Duration = Duration::from_secs(1);

/// The longest time of a sequence.
const LONGEST: Duration = Duration::from_secs(100);

/// The longest time that the server works on a request whose sender is gone.
const ORPHANED: Duration = Duration::from_millis(200);

/// The fault during an operation.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Nothing.
    None,
    /// All connections are cut before anything is sent.
    Cut,
    /// All connections are cut when something was sent but has not reached the server.
    CutBefore,
    /// All connections are cut as soon as something was sent: it may have reached the server or not.
    CutUnderWay,
    /// The server is killed and restarted: it has its data, but no stream.
    Restart,
    /// The server cannot be reached.
    Refuse,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::None),
        3 => Just(Fault::Cut),
        2 => Just(Fault::CutBefore),
        2 => Just(Fault::CutUnderWay),
        1 => Just(Fault::Restart),
        1 => Just(Fault::Refuse),
    ]
}

#[test]
fn every_pair_of_strategies_is_the_model_on_a_server_that_breaks() {
    every_pair(1, 24);
}

#[test]
#[ignore = "longer sequences, more of them: many minutes"]
fn every_pair_of_strategies_is_the_model_on_a_server_that_breaks_for_long() {
    every_pair(8, 60);
}

/// A few variants that cover any two strategies which work with a server.
fn variants() -> Vec<Variant> {
    covering::variants(|variant| {
        // An index in this process does not work with a server, which others may write to.
        let remote = variant.store == StoreKind::Libsql && variant.retrieval == memory::RetrievalKind::Scan;
        remote && variant.durability == memory::Durability::Committed
    })
}

/// Totals over all variants, to show that something did break.
#[derive(Debug, Default)]
struct Seen {
    failed: Cell<u64>,
    done: Cell<u64>,
    renewed: Cell<u64>,
    connections: Cell<u64>,
}

fn add(cell: &Cell<u64>, amount: u64) {
    cell.set(cell.get() + amount);
}

fn every_pair(sequences: u32, operations: usize) {
    if Bed::new(Distance::milliseconds(0)).is_none() {
        return;
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    let (variants, seen) = (variants(), Seen::default());
    for variant in &variants {
        let seed = memory::hash::fnv1a(variant.to_string().as_bytes()).to_le_bytes().repeat(4);
        // A failure depends on the time of the fault, which a shorter sequence would not repeat.
        let config = Config { cases: sequences, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
        let input = (operation::sequences(operations), vec(fault(), operations));
        match runner.run(&input, |sequence| ending(&runtime, variant, sequence, &seen)) {
            Ok(()) => {}
            Err(TestError::Fail(reason, input)) => panic!("{variant}: {reason}\nafter {input:#?}"),
            Err(error) => panic!("{variant}: {error}"),
        }
    }
    println!("{} variants, {sequences} sequences of up to {operations} operations each: {seen:?}", variants.len());
    assert!(seen.failed.get() > 0 && seen.done.get() > 0 && seen.renewed.get() > 0, "faults had an effect");
}

/// Plays a sequence, which must end. One that fails because its server takes no writes any more, of nobody, is played
/// once more.
fn ending(
    runtime: &Runtime,
    variant: &Variant,
    (operations, faults): (Vec<Operation>, Vec<Fault>),
    seen: &Seen,
) -> TestCaseResult {
    for may_repeat in [true, false] {
        let mut bed = Bed::new(Distance::milliseconds(0)).expect("asked for before");
        let sequence = async { run(variant, &mut bed, operations.clone(), faults.clone(), seen).await };
        let played = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async { tokio::time::timeout(LONGEST, sequence).await })
        }));
        match played {
            Ok(Ok(Ok(()))) => return Ok(()),
            _ if may_repeat && !bed.sqld.takes_writes() => eprintln!("{variant}: sqld takes no writes any more"),
            Ok(Ok(failed)) => return failed,
            Ok(Err(_)) => return Err(TestCaseError::fail(format!("it has not ended after {LONGEST:?}"))),
            Err(panic) => resume_unwind(panic),
        }
    }
    unreachable!("the second time returns")
}

/// The server refuses a stream that was idle for over 10 seconds. Every variant answers what is asked on it all the
/// same. The test waits on the server's clock, for all variants at once.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_stream_changes_no_answer() {
    let mut waiting = tokio::task::JoinSet::new();
    for variant in variants() {
        let Some(bed) = Bed::new(Distance::milliseconds(0)) else { return };
        waiting.spawn(async move {
            let clock = Arc::new(ManualClock::new(1));
            let memory = open(&variant, &bed, &clock, 0).await;
            let mut model = Model::default();
            for number in 0..3 {
                let id = play(&memory, number, 2).await.expect("nothing is broken now");
                model.adopt(memory.get_episode(id).await.expect("reading works").expect("is there"));
            }
            model.adopt_patterns(memory.patterns().await.expect("reading works"));
            // A connection used within 8 seconds is not checked. The request is held on its way until the stream is 12
            // seconds old.
            tokio::time::sleep(Duration::from_secs(5)).await;
            bed.link.stall(true);
            let checking = async {
                let checked = model.check_everything(&memory).await;
                checked.unwrap_or_else(|wrong| panic!("{variant}: {wrong}"));
            };
            let mending = async {
                tokio::time::sleep(Duration::from_secs(7)).await;
                bed.link.stall(false);
            };
            tokio::join!(checking, mending);
            memory.counters()["streams_renewed"]
        });
    }
    let mut renewed = 0;
    while let Some(done) = waiting.join_next().await {
        renewed += done.expect("every variant answers");
    }
    println!("{renewed} streams were renewed");
    assert!(renewed > 0, "streams have expired");
}

/// A memory with a small cache, a short time to live, and a queue of writes that two steps fill.
async fn open(variant: &Variant, bed: &Bed, clock: &Arc<ManualClock>, opening: u64) -> Memory {
    let options = Options {
        remote: Some(Remote { url: bed.link.url(), token: String::new() }),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        // The ids of failed starts are not in the store, and would be assigned again.
        ids: IdSource::seeded(opening),
        threshold_bytes: 128,
        cache_capacity: 3,
        cache_ttl_ns: 12,
        batch_writes: 2,
        queued_writes: 2,
        flush_interval_ns: 0, // the clock stands still while it waits
        ..Options::default()
    };
    Memory::open(variant, options).await.expect("the server has an empty database, or this memory's")
}

async fn run(
    variant: &Variant,
    bed: &mut Bed,
    operations: Vec<Operation>,
    faults: Vec<Fault>,
    seen: &Seen,
) -> TestCaseResult {
    let clock = Arc::new(ManualClock::new(1));
    let mut opening = 0;
    let mut memory = open(variant, bed, &clock, opening).await;
    let mut world = World { model: Model::default(), known: BTreeSet::new(), ids: Vec::new(), seen };
    for (operation, fault) in operations.into_iter().zip(faults) {
        clock.advance(1);
        match operation {
            Operation::Reopen => {
                memory.close().await.expect("nothing is broken now");
                opening += 1;
                memory = open(variant, bed, &clock, opening).await;
            }
            // Many writes, of which each could fail.
            operation @ Operation::Retain(..) => world.undisturbed(&memory, &clock, operation).await?,
            operation if fault == Fault::None => world.undisturbed(&memory, &clock, operation).await?,
            Operation::Start(start) => world.start(&memory, &clock, bed, fault, start).await?,
            Operation::Log(index, step) if !world.ids.is_empty() => {
                let id = world.ids[index.index(world.ids.len())];
                world.log(&memory, &clock, bed, fault, (id, step)).await?;
            }
            Operation::Complete(index, outcome) if !world.ids.is_empty() => {
                let id = world.ids[index.index(world.ids.len())];
                let before = world.episode(&memory, id).await;
                let done = world.disturbed(bed, fault, memory.complete_episode(id, outcome)).await;
                let after = world.settled(&memory, id).await;
                if let Ok(completion) = &done {
                    prop_assert_eq!(after.head.completion.as_ref(), Some(completion));
                }
                prop_assert_eq!(&after.steps, &before.steps);
                prop_assert!(allowed(&done, matches!(done, Err(Error::EpisodeCompleted { .. }))), "{:?}", done);
                world.model.adopt(Arc::new(after));
                world.model.adopt_patterns(memory.patterns().await.expect("reading works"));
            }
            Operation::Delete(index) if !world.ids.is_empty() => {
                let id = world.ids[index.index(world.ids.len())];
                world.delete(&memory, bed, fault, id).await?;
            }
            operation => {
                // A read during the fault must be answered all the same.
                match fault {
                    Fault::Restart => bed.sqld.restart().expect("starts again"),
                    _ => drop(bed.link.cut()),
                }
                world.undisturbed(&memory, &clock, operation).await?;
                // The writer's connection is gone too: the next write may be the first to notice, and fails then.
                world.start(&memory, &clock, bed, Fault::None, StartEpisode::default()).await?;
            }
        }
    }
    world.burst(&memory, &clock, variant).await?;
    world.model.check_everything(&memory).await?;
    let counters = memory.counters();
    add(&seen.renewed, counters["streams_renewed"]);
    add(&seen.connections, counters["remote_connections"]);
    memory.close().await.expect("nothing is broken now");
    world.model.check_everything(&open(variant, bed, &clock, opening + 1).await).await
}

/// True if a write may end so during a fault: done, refused for a valid reason, or failed on the way.
fn allowed<T>(done: &memory::Result<T>, refused: bool) -> bool {
    done.is_ok() || refused || matches!(done, Err(Error::Store { .. }))
}

/// The model, and the ids of its episodes.
struct World<'a> {
    model: Model,
    known: BTreeSet<EpisodeId>,
    ids: Vec<EpisodeId>,
    seen: &'a Seen,
}

impl World<'_> {
    /// Runs a write during a fault, and then ends the fault.
    async fn disturbed<T>(
        &self,
        bed: &mut Bed,
        fault: Fault,
        write: impl Future<Output = memory::Result<T>>,
    ) -> memory::Result<T> {
        let sent = bed.link.counts().bytes_up;
        match fault {
            Fault::None => {}
            Fault::Cut => drop(bed.link.cut()),
            Fault::Restart => bed.sqld.restart().expect("starts again"),
            Fault::Refuse => {
                bed.link.refuse(true);
                bed.link.cut();
            }
            Fault::CutBefore => bed.link.stall(true),
            Fault::CutUnderWay => {}
        }
        let mut write = pin!(write);
        let mut done = None;
        if matches!(fault, Fault::CutBefore | Fault::CutUnderWay) {
            // A request that was on its way before holds the connection, and is held itself: then nothing more is sent.
            let until = Instant::now() + SENDING;
            while done.is_none() && bed.link.counts().bytes_up == sent && Instant::now() < until {
                done = tokio::select! {
                    biased;
                    done = &mut write => Some(done),
                    () = tokio::task::yield_now() => None,
                };
            }
            bed.link.cut();
            bed.link.stall(false);
        }
        let done = match done {
            Some(done) => done,
            None => write.await,
        };
        bed.link.refuse(false);
        if done.is_err() && fault == Fault::CutUnderWay {
            tokio::time::sleep(ORPHANED).await;
        }
        add(if done.is_ok() { &self.seen.done } else { &self.seen.failed }, 1);
        done
    }

    /// Runs the model's check without a fault.
    async fn undisturbed(&mut self, memory: &Memory, clock: &ManualClock, operation: Operation) -> TestCaseResult {
        self.model.check(memory, clock, operation).await?;
        self.model.last().into_iter().for_each(|id| self.learn(id));
        self.ids.retain(|id| self.model.has(*id));
        Ok(())
    }

    fn learn(&mut self, id: EpisodeId) {
        if self.known.insert(id) {
            self.ids.push(id);
        }
    }

    async fn episode(&self, memory: &Memory, id: EpisodeId) -> Episode {
        Episode::clone(&*memory.get_episode(id).await.expect("reading works").expect("it was acknowledged"))
    }

    /// The episode once no request for it is under way: the server may still work on one whose sender is gone.
    async fn settled(&self, memory: &Memory, id: EpisodeId) -> Episode {
        let mut before = self.episode(memory, id).await;
        loop {
            for _ in 0..10 {
                memory.health().await.expect("reading works");
            }
            let after = self.episode(memory, id).await;
            if after == before {
                return after;
            }
            before = after;
        }
    }

    async fn start(
        &mut self,
        memory: &Memory,
        clock: &ManualClock,
        bed: &mut Bed,
        fault: Fault,
        start: StartEpisode,
    ) -> TestCaseResult {
        let done = self.disturbed(bed, fault, memory.start_episode(start.clone())).await;
        prop_assert!(allowed(&done, false), "{:?}", done);
        for _ in 0..10 {
            memory.health().await.expect("reading works");
        }
        let all = memory.query_by_task(&start.task_type, &start.context.domain, usize::MAX).await;
        let new: Vec<EpisodeId> =
            all.expect("reading works").into_iter().filter(|id| !self.known.contains(id)).collect();
        match (&done, &new[..]) {
            (Ok(id), [new]) => prop_assert_eq!(id, new),
            (Err(_), [] | [_]) => {}
            _ => prop_assert!(false, "{:?}, and {:?} are there", done, new),
        }
        for id in new {
            let episode = self.episode(memory, id).await;
            let head = Head::new(id, clock.now_ns(), start.clone());
            prop_assert_eq!(&episode, &Episode { head, steps: Vec::new() });
            self.model.adopt(Arc::new(episode));
            self.learn(id);
        }
        Ok(())
    }

    async fn log(
        &mut self,
        memory: &Memory,
        clock: &ManualClock,
        bed: &mut Bed,
        fault: Fault,
        (id, step): (EpisodeId, NewStep),
    ) -> TestCaseResult {
        let before = self.episode(memory, id).await;
        let completed = before.head.completion.is_some();
        let done = self.disturbed(bed, fault, memory.log_step(id, step.clone())).await;
        let refused = completed && matches!(done, Err(Error::EpisodeCompleted { .. }));
        prop_assert!(allowed(&done, refused), "{:?}", done);
        prop_assert!(done.is_err() || !completed, "{:?}", done);
        let number = before.steps.len() as u32;
        let mut with = before.clone();
        with.steps.push(Step::new(number, clock.now_ns(), step));
        let after = self.settled(memory, id).await;
        match done {
            Ok(logged) => {
                prop_assert_eq!(logged, number);
                prop_assert_eq!(&after, &with);
            }
            Err(_) => prop_assert!(after == before || after == with, "{:?}", after),
        }
        self.model.adopt(Arc::new(after));
        Ok(())
    }

    async fn delete(&mut self, memory: &Memory, bed: &mut Bed, fault: Fault, id: EpisodeId) -> TestCaseResult {
        let before = memory.get_episode(id).await.expect("reading works");
        let done = self.disturbed(bed, fault, memory.delete_episode(id)).await;
        prop_assert!(allowed(&done, false), "{:?}", done);
        let mut after = before.clone();
        for _ in 0..10 {
            memory.health().await.expect("reading works"); // the server may still work on it
            after = memory.get_episode(id).await.expect("reading works");
        }
        match after {
            None => {
                self.model.delete(id);
                self.ids.retain(|known| *known != id);
            }
            after => prop_assert!(done.is_err() && after == before, "{:?}, and {:?} is there", done, after),
        }
        Ok(())
    }

    /// More concurrent steps than the queue of writes holds: each is acknowledged with its own number.
    async fn burst(&mut self, memory: &Memory, clock: &ManualClock, variant: &Variant) -> TestCaseResult {
        const EACH: usize = 3;
        let mut ids = Vec::new();
        for _ in 0..4 {
            let id = memory.start_episode(StartEpisode::default()).await.expect("nothing is broken now");
            ids.push(id);
            self.learn(id);
        }
        let step = |number: usize| NewStep { action: format!("of a burst, {number}"), ..NewStep::default() };
        let one = async |id: EpisodeId| {
            for number in 0..EACH {
                memory.log_step(id, step(number)).await.expect("nothing is broken now");
            }
        };
        tokio::join!(one(ids[0]), one(ids[1]), one(ids[2]), one(ids[3]));
        for id in ids {
            let episode = self.episode(memory, id).await;
            let expected = (0..EACH).map(|number| Step::new(number as u32, clock.now_ns(), step(number)));
            prop_assert_eq!(&episode.steps, &expected.collect::<Vec<_>>());
            self.model.adopt(Arc::new(episode));
        }
        let waited = memory.counters()["queue_waits"];
        prop_assert_eq!(waited > 0, variant.writes == WriteKind::Batched, "{} waits for room", waited);
        Ok(())
    }
}
