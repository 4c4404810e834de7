//! `kill -9` while steps are logged, at random moments: what was acknowledged as `committed` or `fsynced` is there.
//!
//! A child (this test binary again, running [`child`]) logs and deletes episodes through the facade and says on stdout
//! what was acknowledged. The parent kills it after a seeded number of lines and a seeded number of turns of a loop,
//! reopens the store, and looks for all of it. The same with a limit on the size of files instead of a kill: a full
//! disk. The controls show that the look would find a loss.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use memory::{
    Clock, EpisodeId, IdSource, ManualClock, Memory, NewStep, Options, Outcome, StartEpisode, SystemClock, Variant,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const KILLS: u64 = 100;

/// The most acknowledgements before a kill, for each writer.
const MOST_LINES: u64 = 24;

/// The child completes an episode after so many steps, and starts another.
const STEPS_AN_EPISODE: u32 = 9;

/// The child's line after everything before was synced.
const SYNCED: &str = "synced\n";

/// One in so many completed episodes is deleted.
const DELETED: usize = 2;

/// What the child acknowledged of an episode.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Acknowledged {
    steps: u32,
    completed: bool,
    deletion: Deletion,
}

/// How far the deletion of an episode got.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Deletion {
    #[default]
    None,
    /// It may have happened.
    Begun,
    Acknowledged,
}

type Episodes = BTreeMap<EpisodeId, Acknowledged>;

/// The durable stores, with the writers at a time.
const DURABLE: &[(&str, usize)] = &[
    ("store=redb,durability=fsynced,codec=postcard", 1),
    ("store=redb,durability=fsynced,codec=postcard,writes=batched", 4),
    ("store=libsql,durability=committed,codec=messagepack,pool=keepalive", 1),
    ("store=libsql,durability=committed,codec=postcard,writes=batched,pool=keepalive", 4),
    ("store=libsql,durability=fsynced,codec=json,pool=none", 1),
    ("store=tiered,durability=committed,codec=postcard,cache=lru,pool=keepalive", 1),
];

#[test]
fn redb_fsynced() {
    survives_kills(0);
}

#[test]
fn redb_fsynced_in_batches() {
    survives_kills(1);
}

#[test]
fn libsql_committed() {
    survives_kills(2);
}

#[test]
fn libsql_committed_in_batches() {
    survives_kills(3);
}

#[test]
fn libsql_fsynced() {
    survives_kills(4);
}

#[test]
fn tiered_committed() {
    survives_kills(5);
}

/// All durable stores. `ASSAY_KILLS` is the number of kills, 10,000 without it.
#[test]
#[ignore = "takes many minutes"]
fn ten_thousand_kills() {
    let kills: u64 = std::env::var("ASSAY_KILLS").map_or(10_000, |kills| kills.parse().unwrap());
    for durable in DURABLE {
        survives(*durable, kills.div_ceil(DURABLE.len() as u64));
    }
}

fn survives_kills(durable: usize) {
    survives(DURABLE[durable], KILLS);
}

fn survives((variant, writers): (&str, usize), kills: u64) {
    let place = Place { writers, ..Place::new(variant) };
    let mut generator = Pcg64::seed_from_u64(9);
    let mut all = Episodes::new();
    for kill in 0..kills {
        let acknowledged = place.log_and_kill(kill, &mut generator);
        let lost = place.missing(&acknowledged);
        assert!(lost.is_empty(), "{variant}, kill {kill}: {lost:#?}");
        all.extend(acknowledged);
    }
    let lost = place.missing(&all);
    assert!(lost.is_empty(), "{variant}, later kills took what was there before: {lost:#?}");
    assert!(all.values().any(|episode| episode.completed) && all.len() as u64 >= kills, "the child did its work");
    assert!(all.values().any(|episode| episode.deletion == Deletion::Acknowledged), "some were deleted");
}

/// The control: this class promises less, and the look finds what was lost while no second passed. If this fails, so
/// would the tests above fail to see a loss.
#[test]
fn the_look_finds_what_a_buffered_store_loses() {
    let place = Place { clock: "still", ..Place::new("store=redb,durability=buffered") };
    drop(place.open());
    let mut generator = Pcg64::seed_from_u64(1);
    for kill in 0..5 {
        let acknowledged = place.log_and_kill(kill, &mut generator);
        // Fewer commits than would bring a sync, so all of them were in the process only.
        let kept = acknowledged.values().filter(|episode| episode.deletion == Deletion::None).count();
        assert_eq!(place.missing(&acknowledged).len(), kept, "kill {kill}: {acknowledged:?}");
        let left = place.runtime.block_on(place.open().stats()).unwrap();
        assert_eq!((left.episodes, left.steps), (0, 0), "kill {kill}: what is lost is lost as a whole");
    }
}

/// A buffered store has everything that was acknowledged a second before the kill, and of the rest nothing by halves.
#[test]
fn redb_buffered_loses_a_second_at_most() {
    let place = Place { clock: "moved", ..Place::new("store=redb,durability=buffered,codec=postcard") };
    let mut generator = Pcg64::seed_from_u64(3);
    let mut all = Episodes::new();
    for kill in 0..20 {
        let said = place.said_until_killed(kill, &mut generator);
        let synced = parse(said.rsplit_once(SYNCED).map_or("", |(before, _)| before));
        let lost = place.missing(&synced);
        assert!(lost.is_empty(), "kill {kill}: {lost:#?}");
        let lost = place.missing(&parse(&said));
        assert!(lost.iter().all(|lost| lost.ends_with(": not there")), "kill {kill}: lost by halves: {lost:#?}");
        all.extend(synced);
    }
    let lost = place.missing(&all);
    assert!(lost.is_empty(), "later kills took what was there before: {lost:#?}");
    assert!(all.len() >= 10, "{} episodes were synced", all.len());
}

/// The other control: each kind of loss is seen.
#[test]
fn the_look_finds_each_kind_of_loss() {
    let place = Place::new("store=redb,durability=fsynced");
    let memory = place.open();
    let id = place.runtime.block_on(async {
        let id = memory.start_episode(task()).await.unwrap();
        memory.log_step(id, content(id, 0)).await.unwrap();
        memory.log_step(id, content(id, 1)).await.unwrap();
        id
    });
    let missing_of = |id, steps, completed| {
        let told = Acknowledged { steps, completed, deletion: Deletion::None };
        missing(&place.runtime, &memory, &BTreeMap::from([(id, told)]))
    };
    let deleted = Acknowledged { steps: 2, completed: false, deletion: Deletion::Acknowledged };
    let back = missing(&place.runtime, &memory, &BTreeMap::from([(id, deleted)]));
    assert_eq!(back, [format!("{id}: deleted, and there again")]);
    let missing = |steps, completed| missing_of(id, steps, completed);
    assert_eq!(missing(2, false), [] as [String; 0]);
    assert_eq!(missing(1, false), [] as [String; 0], "stored, and killed before it could say so");
    assert_eq!(missing(3, false), [format!("{id}: 3 steps were acknowledged, 2 are there")]);
    assert_eq!(
        missing(0, false),
        [format!("{id}: 0 steps were acknowledged, 2 are there")],
        "nobody logged two at once"
    );
    assert_eq!(missing(2, true), [format!("{id}: its completion is not there")]);
    assert_eq!(missing_of(EpisodeId(1), 0, false), [format!("{}: not there", EpisodeId(1))]);
    place
        .runtime
        .block_on(memory.log_step(id, NewStep { observation: "something else".to_owned(), ..content(id, 2) }))
        .unwrap();
    assert_eq!(missing(3, false), [format!("{id}: step 2 has other contents")]);
}

/// A limit on the size of files stands for a disk that fills up: the write that does not fit is an error, and
/// everything before it stays.
#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    for variant in [
        "store=redb,durability=fsynced",
        "store=redb,durability=fsynced,writes=batched",
        "store=libsql,durability=committed,pool=keepalive",
        "store=libsql,durability=committed,writes=batched,pool=keepalive",
        "store=tiered,durability=committed",
    ] {
        let place = Place::new(variant);
        drop(place.open());
        // The limit is in blocks of 512 or 1,024 bytes. Its signal would end the process: ignored, the write fails
        // instead.
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; ulimit -f 6000; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        let output = place.child(shell, 0, 20_000).stdout(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let error =
            said.lines().find_map(|line| line.strip_prefix("error ")).unwrap_or_else(|| panic!("{variant}: {said}"));
        assert!(error.contains(" failed"), "{variant}: {error}");
        let acknowledged = parse(&said);
        assert!(acknowledged.values().map(|episode| episode.steps).sum::<u32>() > 10, "{variant}: {said}");
        let lost = place.missing(&acknowledged);
        assert!(lost.is_empty(), "{variant}: {lost:#?}");
    }
}

/// A folder with one store.
struct Place {
    folder: TempDir,
    variant: String,
    writers: usize,
    /// The child's clock: the `system`'s, one that stands `still`, or one that is `moved` by a second after each
    /// episode.
    clock: &'static str,
    runtime: Runtime,
}

impl Place {
    fn new(variant: &str) -> Place {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Place {
            folder: tempfile::tempdir().unwrap(),
            variant: variant.to_owned(),
            writers: 1,
            clock: "system",
            runtime,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("episodes")
    }

    fn open(&self) -> Memory {
        self.runtime.block_on(open(&self.variant, &self.path(), u64::MAX, Arc::new(SystemClock)))
    }

    /// This binary as the child, through `command` if that starts it.
    fn child(&self, mut command: Command, seed: u64, padding: usize) -> Command {
        command.args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env("KILL_VARIANT", &self.variant).env("KILL_PATH", self.path());
        command.env("KILL_WRITERS", self.writers.to_string()).env("KILL_CLOCK", self.clock);
        command.env("KILL_SEED", seed.to_string()).env("KILL_PADDING", padding.to_string());
        command
    }

    /// Lets a child log, kills it, and tells what it had acknowledged.
    fn log_and_kill(&self, kill: u64, generator: &mut Pcg64) -> Episodes {
        parse(&self.said_until_killed(kill, generator))
    }

    /// Lets a child log, kills it, and tells what it had said.
    fn said_until_killed(&self, kill: u64, generator: &mut Pcg64) -> String {
        let lines = 1 + generator.next_u64() % (MOST_LINES * self.writers as u64);
        let turns = generator.next_u64() % 200_000; // up to some 100 us more, into the middle of the next write
        let command = self.child(Command::new(std::env::current_exe().unwrap()), kill, 0);
        let mut child = { command }.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        let mut seen = 0;
        while seen < lines {
            let start = said.len();
            assert_ne!(stdout.read_line(&mut said).unwrap(), 0, "the child ended by itself: {said}");
            seen += u64::from(is_acknowledgement(&said[start..]));
        }
        for _ in 0..turns {
            std::hint::spin_loop();
        }
        child.kill().unwrap(); // SIGKILL, to this child
        child.wait().unwrap();
        stdout.read_to_string(&mut said).unwrap();
        said.truncate(said.rfind('\n').map_or(0, |end| end + 1));
        said
    }

    /// What of it the reopened store does not have.
    fn missing(&self, acknowledged: &Episodes) -> Vec<String> {
        let memory = self.open();
        let missing = missing(&self.runtime, &memory, acknowledged);
        drop(memory);
        missing
    }
}

/// Each difference between what was acknowledged and what `memory` holds. One step more may be there: stored, and
/// killed before it could be said.
fn missing(runtime: &Runtime, memory: &Memory, acknowledged: &Episodes) -> Vec<String> {
    let mut missing = Vec::new();
    for (&id, told) in acknowledged {
        let Some(episode) = runtime.block_on(memory.get_episode(id)).unwrap() else {
            if told.deletion == Deletion::None {
                missing.push(format!("{id}: not there"));
            }
            continue;
        };
        if told.deletion == Deletion::Acknowledged {
            missing.push(format!("{id}: deleted, and there again"));
            continue;
        }
        let there = episode.steps.len() as u32;
        if there != told.steps && there != told.steps + 1 {
            missing.push(format!("{id}: {} steps were acknowledged, {there} are there", told.steps));
        }
        for (number, step) in (0..).zip(&episode.steps) {
            let expected = content(id, number);
            // Padding only follows what is compared.
            if step.number != number
                || !step.observation.starts_with(&expected.observation)
                || step.parameters != expected.parameters
            {
                missing.push(format!("{id}: step {number} has other contents"));
            }
        }
        if told.completed && episode.head.completion.is_none() {
            missing.push(format!("{id}: its completion is not there"));
        }
    }
    missing
}

fn is_acknowledgement(line: &str) -> bool {
    ["episode ", "step ", "completed ", "deleting ", "deleted "].iter().any(|word| line.starts_with(word))
}

/// What the child's lines acknowledge. Lines of the test harness are none of them.
fn parse(said: &str) -> Episodes {
    let mut episodes = Episodes::new();
    for line in said.lines().filter(|line| is_acknowledgement(line)) {
        let mut words = line.split(' ');
        let word = words.next().unwrap();
        let id: EpisodeId = words.next().unwrap().parse().unwrap();
        let episode = episodes.entry(id).or_default();
        match word {
            "step" => {
                let number: u32 = words.next().unwrap().parse().unwrap();
                assert_eq!(number, episode.steps, "numbers have no gaps");
                episode.steps += 1;
            }
            "completed" => episode.completed = true,
            "deleting" => episode.deletion = Deletion::Begun,
            "deleted" => episode.deletion = Deletion::Acknowledged,
            _ => {}
        }
    }
    episodes
}

fn task() -> StartEpisode {
    StartEpisode { task: "survive".to_owned(), ..StartEpisode::default() }
}

/// A step that says which one it is, of a length that varies.
fn content(id: EpisodeId, number: u32) -> NewStep {
    NewStep {
        tool: "shell".to_owned(),
        parameters: BTreeMap::from([("number".to_owned(), number.to_string())]),
        observation: format!("{id} {number} {}", "x".repeat((number as usize * 97) % 700)),
        ..NewStep::default()
    }
}

async fn open(variant: &str, path: &Path, seed: u64, clock: Arc<dyn Clock>) -> Memory {
    let variant: Variant = variant.parse().unwrap();
    let options = Options { path: Some(path.to_owned()), ids: IdSource::seeded(seed), clock, ..Options::default() };
    Memory::open(&variant, options)
        .await
        .unwrap_or_else(|error| panic!("{variant}: {error}: {:?}", std::error::Error::source(&error)))
}

/// Says a line at once, past the harness's capturing.
fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(line.as_bytes()).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush()).unwrap();
}

/// The child: logs episodes until it is killed or cannot.
#[test]
#[ignore = "the process that the other tests start and kill"]
fn child() {
    let variable = |name: &str| std::env::var(name).ok();
    let (Some(variant), Some(path)) = (variable("KILL_VARIANT"), variable("KILL_PATH")) else {
        return; // started by hand: there is nothing to log to
    };
    let number = |name: &str| variable(name).and_then(|text| text.parse::<u64>().ok()).unwrap();
    let padding = "y".repeat(number("KILL_PADDING") as usize);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let manual = Arc::new(ManualClock::new(1_800_000_000_000_000_000));
    let (clock, moved): (Arc<dyn Clock>, _) = match variable("KILL_CLOCK").unwrap().as_str() {
        "system" => (Arc::new(SystemClock), None),
        "still" => (manual, None),
        _ => (Arc::clone(&manual) as _, Some(manual)),
    };
    say(""); // ends the line that the harness began
    let result: memory::Result<()> = runtime.block_on(async {
        let memory = Arc::new(open(&variant, Path::new(&path), number("KILL_SEED"), clock).await);
        let mut writers = JoinSet::new();
        for _ in 0..number("KILL_WRITERS") {
            writers.spawn(log_episodes(Arc::clone(&memory), padding.clone(), moved.clone()));
        }
        writers.join_next().await.unwrap().unwrap() // the first one that ends
    });
    let error = result.expect_err("the parent kills it, or the disk is full");
    let mut said = format!("error {error}");
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        said += &format!(": {error}");
        source = error.source();
    }
    say(&said);
}

async fn log_episodes(memory: Arc<Memory>, padding: String, moved: Option<Arc<ManualClock>>) -> memory::Result<()> {
    for number in 0..10_000 {
        let id = memory.start_episode(task()).await?;
        say(&format!("episode {id}"));
        for number in 0..STEPS_AN_EPISODE {
            let step = content(id, number);
            let observation = step.observation.clone() + &padding;
            let logged = memory.log_step(id, NewStep { observation, ..step }).await?;
            say(&format!("step {id} {logged}"));
        }
        memory.complete_episode(id, Outcome::Success { verdict: "alive".to_owned() }).await?;
        say(&format!("completed {id}"));
        if number % DELETED == 0 {
            say(&format!("deleting {id}"));
            memory.delete_episode(id).await?;
            say(&format!("deleted {id}"));
        }
        if let Some(clock) = &moved {
            let syncs = || memory.counters()["fsyncs"];
            let before = syncs();
            while syncs() == before {
                clock.advance(1_000_000_000);
                tokio::task::yield_now().await;
            }
            say(SYNCED.trim_end());
        }
    }
    Ok(())
}
