//! Backups: of a memory in use, into every other store, whole or refused.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use memory::{
    Backup, Embedder, EpisodeId, Error, FeatureHashing, Memory, NewStep, Options, Outcome, Query, Retention,
    StartEpisode, Variant,
};
use tempfile::TempDir;

const VARIANTS: [&str; 5] = [
    "store=memory",
    "store=redb,codec=postcard,compression=zstd,retrieval=indexed",
    "store=libsql,codec=json,metadata=indexed,pool=keepalive",
    "store=libsql,codec=messagepack,embedding=f32-blob,writes=batched",
    "store=tiered,index=composite,pool=keepalive",
];

fn options(folder: &TempDir, name: &str) -> Options {
    Options { path: Some(folder.path().join(name)), ..Options::default() }
}

async fn open(variant: &str, options: Options) -> Memory {
    let variant: Variant = variant.parse().expect("a valid variant");
    Memory::open(&variant, options).await.expect("a temporary folder takes a store")
}

async fn restore(variant: &str, options: Options, file: &Path) -> memory::Result<(Memory, Backup)> {
    Memory::restore(&variant.parse().expect("a valid variant"), options, file).await
}

fn start(number: usize) -> StartEpisode {
    let task = format!("mend the parser of module {number}: \"quotes\" and \u{1f980}");
    let metadata = [("ticket".to_owned(), format!("T-{}", number % 3))].into();
    StartEpisode { task, task_type: "bug-fix".to_owned(), metadata, ..StartEpisode::default() }
}

/// An episode of so many steps, completed or not.
async fn play(memory: &Memory, number: usize, steps: usize, completed: bool) -> EpisodeId {
    let id = memory.start_episode(start(number)).await.expect("starts");
    for step in 0..steps {
        let step = NewStep { tool: "shell".to_owned(), observation: "a line\n".repeat(step), ..NewStep::default() };
        memory.log_step(id, step).await.expect("logs");
    }
    if completed {
        memory.complete_episode(id, Outcome::Success { verdict: "fine".to_owned() }).await.expect("completes");
    }
    id
}

/// All that a memory answers about these episodes.
async fn answers(memory: &Memory, ids: &[EpisodeId]) -> String {
    let mut said = format!("{:?}\n", memory.get_episodes(ids).await.expect("reads"));
    let query = Query { text: "the parser of module 7".to_owned(), context: None, limit: 5 };
    said += &format!("{:?}\n", memory.retrieve(&query).await.expect("reads"));
    said += &format!("{:?}\n", memory.query_by_metadata("ticket", "T-1").await.expect("reads"));
    said += &format!("{:?}\n", memory.query_by_task("bug-fix", "", 9).await.expect("reads"));
    said += &format!("{:?}\n", memory.patterns().await.expect("reads"));
    let stats = memory.stats().await.expect("reads");
    said + &format!("{:?}", (stats.episodes, stats.steps, stats.patterns))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_store_is_restored_into_every_other() {
    for from in VARIANTS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let memory = open(from, options(&folder, "from")).await;
        let mut ids = Vec::new();
        for number in 0..150 {
            ids.push(play(&memory, number, number % 4, number % 5 > 0).await); // more than a page and a batch
        }
        memory.delete_episode(ids[1]).await.expect("deletes");
        memory.retain(&Retention { max_completed: Some(100), max_age_ns: None }).await.expect("deletes");
        let expected = answers(&memory, &ids).await;
        let file = folder.path().join("backup.jsonl");
        let made = memory.backup(&file).await.expect("the store is in use and can be backed up");
        assert_eq!(made, Backup { episodes: 130, bytes: file.metadata().expect("is there").len() }, "{from}");
        for to in VARIANTS {
            let (restored, read) = restore(to, options(&folder, &format!("to {to}")), &file).await.expect(to);
            assert_eq!((answers(&restored, &ids).await, read), (expected.clone(), made), "{from} to {to}");
            let next = play(&restored, 200, 1, true).await;
            assert!(restored.get_episode(next).await.expect("reads").is_some(), "{from} to {to}: it goes on");
            restored.close().await.expect("closes");
        }
    }
}

/// Each writer logs pairs of steps, one to each of two episodes, the first always first. In a moment the second has as
/// many steps as the first, or one less.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_memory_in_use_is_of_one_moment() {
    for variant in VARIANTS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let memory = Arc::new(open(variant, options(&folder, "from")).await);
        let pair = [play(&memory, 0, 0, false).await, play(&memory, 1, 0, false).await];
        for number in 2..100 {
            play(&memory, number, 1, false).await; // pages between the two would show
        }
        let third = play(&memory, 100, 0, false).await;
        let over = Arc::new(AtomicBool::new(false));
        let writer = {
            let (memory, over) = (Arc::clone(&memory), Arc::clone(&over));
            tokio::spawn(async move {
                let mut pairs = 0; // a bound: a store in memory would grow faster than it is backed up
                while pairs < 2_000 && !over.load(Ordering::Relaxed) {
                    pairs += 1;
                    for id in [pair[0], third] {
                        memory.log_step(id, NewStep::default()).await.expect("logs");
                    }
                }
            })
        };
        for round in 0..5 {
            let file = folder.path().join(format!("backup {round}"));
            memory.backup(&file).await.expect("backs up");
            let (restored, _) = restore("store=memory", Options::default(), &file).await.expect("restores");
            let both = restored.get_episodes(&[pair[0], third]).await.expect("reads");
            let steps: Vec<usize> = both.iter().flatten().map(|episode| episode.steps.len()).collect();
            assert!(steps[0] == steps[1] || steps[0] == steps[1] + 1, "{variant}: {steps:?}");
        }
        over.store(true, Ordering::Relaxed);
        writer.await.expect("no panic");
        memory.close().await.expect("closes");
    }
}

#[tokio::test]
async fn a_backup_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).expect("a folder, which no file can replace");
    let memory = open("store=memory", Options::default()).await;
    play(&memory, 1, 2, true).await;
    memory.backup(&taken).await.expect_err("a folder is there");
    let left = std::fs::read_dir(&folder).expect("reads").map(|entry| entry.expect("reads").file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["taken"]);
}

#[tokio::test]
async fn what_is_no_whole_backup_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let memory = open("store=memory", Options::default()).await;
    play(&memory, 1, 2, true).await;
    play(&memory, 2, 0, false).await;
    let file = folder.path().join("backup.jsonl");
    memory.backup(&file).await.expect("backs up");
    let text = std::fs::read_to_string(&file).expect("reads");
    let lines: Vec<&str> = text.lines().collect();
    let newer = text.replacen("\"assay_memory_backup\":1", "\"assay_memory_backup\":2", 1);
    let cases = [
        (String::new(), "1: no backup of a memory: take a file that"),
        ("{\"assay_corpus\":1}\n".to_owned(), "1: no backup of a memory"),
        (newer, "1: a backup of version 2, this program knows version 1: restore it with the program that wrote it"),
        (lines[..3].join("\n") + "\n", "4: the file was cut: take another backup"),
        (text[..text.len() - 60].to_owned(), "3: no episode: "),
        ([lines[0], lines[1], lines[3]].join("\n"), "3: 1 episodes, not 2"),
        (text.clone() + lines[1] + "\n", "5: 2 episodes, not 2"),
    ];
    for (text, reason) in cases {
        std::fs::write(&file, text).expect("writes");
        let store = options(&folder, "store");
        let error = restore("store=redb", store, &file).await.map(drop).expect_err(reason);
        assert!(error.to_string().contains(&format!("backup.jsonl:{reason}")), "{error}");
        assert!(!folder.path().join("store").exists(), "{reason}");
    }
    std::fs::write(&file, &text).expect("writes");
    let (full, _) = restore("store=redb", options(&folder, "store"), &file).await.expect("restores");
    full.close().await.expect("closes");
    let again = restore("store=redb", options(&folder, "store"), &file).await.map(drop);
    assert!(matches!(again, Err(Error::NotEmpty { episodes: 2 })), "{again:?}");
}

/// The same dimensions, other numbers.
#[derive(Debug)]
struct Backwards(FeatureHashing);

impl Embedder for Backwards {
    fn dimensions(&self) -> usize {
        self.0.dimensions()
    }

    fn embed(&self, text: &str, vector: &mut Vec<f32>) {
        self.0.embed(text, vector);
        vector.reverse();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_embedder_is_refused_and_a_backup_takes_the_episodes_to_it() {
    for variant in &VARIANTS[1..] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let memory = open(variant, options(&folder, "from")).await;
        let ids = [play(&memory, 7, 1, true).await, play(&memory, 8, 1, true).await];
        let expected = answers(&memory, &ids).await;
        memory.close().await.expect("closes");
        let others: [Arc<dyn Embedder>; 2] =
            [Arc::new(FeatureHashing::new(64)), Arc::new(Backwards(FeatureHashing::default()))];
        for (place, embedder) in others.into_iter().enumerate() {
            let with = |name: &str| Options { embedder: Arc::clone(&embedder), ..options(&folder, name) };
            let parsed: Variant = variant.parse().expect("a valid variant");
            let refused = Memory::open(&parsed, with("from")).await.map(drop);
            assert!(matches!(refused, Err(Error::OtherEmbedder { .. })), "{variant}: {refused:?}");
            let file = folder.path().join("backup.jsonl");
            let old = open(variant, Options { check_embedder: false, ..with("from") }).await;
            old.backup(&file).await.expect("backs up");
            old.close().await.expect("closes");
            let (new, _) = restore(variant, with(&format!("to {place}")), &file).await.expect("restores");
            let query = Query { text: "the parser of module 7".to_owned(), context: None, limit: 1 };
            assert_eq!(new.retrieve(&query).await.expect("reads")[0].id, ids[0], "{variant}");
            new.close().await.expect("closes");
            drop(new);
            open(variant, with(&format!("to {place}"))).await.close().await.expect("the new one's vectors are its own");
        }
        assert_eq!(answers(&open(variant, options(&folder, "from")).await, &ids).await, expected, "{variant}");
    }
}
