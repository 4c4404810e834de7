//! `store=libsql` on a real server through the link: the same answers as a file, all known traps of libsql's client,
//! and the pools at a distance.
//!
//! Without an sqld these tests print that they are skipped: `scripts/setup` installs one.

mod backup;
#[path = "../../../../memory/tests/model/covering.rs"]
mod covering;
mod faults;
mod health;
#[path = "../../../../memory/tests/model/operation.rs"]
mod operation; // the model of the stores in files
mod pools;
#[path = "../../../../memory/tests/model/reference.rs"]
mod reference;
mod traps;
mod wire;

use std::path::Path;
use std::sync::Arc;

use memory::{
    EpisodeId, Error, IdSource, ManualClock, Memory, NewStep, Options, Outcome, Query, Remote, StartEpisode, Variant,
};
use testbed::link::{Distance, Link};
use testbed::sqld::{self, Sqld};

/// A server, and a link to it.
struct Bed {
    sqld: Sqld,
    link: Link,
}

impl Bed {
    /// `None`, with a message, if there is no server.
    fn new(distance: Distance) -> Option<Bed> {
        let program = match sqld::find() {
            Ok(program) => program,
            Err(missing) => {
                eprintln!("skipped: {missing}");
                return None;
            }
        };
        let sqld = Sqld::start(program).expect("starts on loopback");
        let link = Link::start(sqld.address(), distance).expect("starts on loopback");
        Some(Bed { sqld, link })
    }

    async fn open(&self, pool: &str) -> Memory {
        open(Place::Server(&self.link.url()), &format!("store=libsql,pool={pool}")).await.expect("opens")
    }
}

enum Place<'a> {
    File(&'a Path),
    Server(&'a str),
}

async fn open(place: Place<'_>, variant: &str) -> memory::Result<Memory> {
    let (path, remote) = match place {
        Place::File(path) => (Some(path.to_owned()), None),
        Place::Server(url) => (None, Some(Remote { url: url.to_owned(), token: "nobody asks".to_owned() })),
    };
    let (clock, ids) = (Arc::new(ManualClock::new(1_700_000_000_000_000_000)), IdSource::seeded(7));
    let variant: Variant = variant.parse()?;
    Memory::open(&variant, Options { path, remote, clock, ids, ..Options::default() }).await
}

fn start(number: usize) -> StartEpisode {
    StartEpisode {
        task: format!("mend the parser of module {number}: nested brackets"),
        task_type: "bug-fix".to_owned(),
        metadata: [("ticket".to_owned(), format!("T-{}", number % 3))].into(),
        ..StartEpisode::default()
    }
}

fn step(number: usize) -> NewStep {
    NewStep { tool: "edit".to_owned(), action: format!("change line {number}"), ..NewStep::default() }
}

/// Plays an episode of `steps` steps to its end.
async fn play(memory: &Memory, number: usize, steps: usize) -> memory::Result<EpisodeId> {
    let id = memory.start_episode(start(number)).await?;
    for at in 0..steps {
        memory.log_step(id, step(at)).await?;
    }
    memory.complete_episode(id, Outcome::Success { verdict: "tests pass".to_owned() }).await?;
    Ok(id)
}

fn counted<const N: usize>(memory: &Memory, names: [&str; N]) -> [u64; N] {
    let counters = memory.counters();
    names.map(|name| counters[name])
}

/// All answers of a memory about the episodes, as one text.
async fn answers(memory: &Memory, ids: &[EpisodeId]) -> String {
    let episodes = memory.get_episodes(ids).await.expect("the server answers");
    let query = Query { text: "the parser of module 2".to_owned(), context: None, limit: 3 };
    let found = memory.retrieve(&query).await.expect("the server answers");
    let by_metadata = memory.query_by_metadata("ticket", "T-1").await.expect("the server answers");
    let patterns = memory.patterns().await.expect("the server answers");
    let stats = memory.stats().await.expect("the server answers");
    assert!(stats.stored_bytes > 0, "a database has a size wherever it is");
    let counts = (stats.episodes, stats.steps, stats.patterns);
    format!("{episodes:?}\n{found:?}\n{by_metadata:?}\n{patterns:?}\n{counts:?}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_answers_as_a_file_does_under_every_pool() {
    let folder = tempfile::tempdir().unwrap();
    for pool in ["none", "keepalive", "adaptive"] {
        let Some(bed) = Bed::new(Distance::milliseconds(0)) else { return };
        let variant = format!("store=libsql,pool={pool}");
        let file = folder.path().join(pool);
        let mut answered = Vec::new();
        for place in [Place::File(&file), Place::Server(&bed.link.url())] {
            let memory = open(place, &variant).await.unwrap();
            let mut ids = Vec::new();
            for number in 0..4 {
                ids.push(play(&memory, number, 3).await.unwrap());
            }
            let again = memory.complete_episode(ids[0], Outcome::Success { verdict: String::new() }).await;
            assert!(matches!(again, Err(Error::EpisodeCompleted { .. })), "{pool}");
            answered.push(answers(&memory, &ids).await);
            memory.close().await.unwrap();
            assert!(matches!(memory.start_episode(start(9)).await, Err(Error::Closed)), "{pool}");
        }
        assert_eq!(answered[0], answered[1], "{pool}");

        // The next one finds what was stored, and an id that is taken is refused in the same words.
        let memory = open(Place::Server(&bed.sqld.url()), &variant).await.unwrap();
        assert_eq!(memory.stats().await.unwrap().episodes, 4);
        assert_eq!(memory.query_by_metadata("ticket", "T-0").await.unwrap().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_of_one_server_share_the_index_of_vectors() {
    let Some(bed) = Bed::new(Distance::milliseconds(0)) else { return };
    let variant: Variant = "store=libsql,embedding=f32-blob".parse().unwrap();
    let open = async |seed| {
        let remote = Some(Remote { url: bed.link.url(), token: String::new() });
        let options = Options { remote, ids: IdSource::seeded(seed), ..Options::default() };
        Memory::open(&variant, options).await.unwrap()
    };
    // All are opened before there is an index.
    let (one, two, idle) = (open(1).await, open(2).await, open(3).await);
    let ids = [play(&one, 0, 1).await.unwrap(), play(&two, 1, 1).await.unwrap()];
    let query = Query { text: start(0).task, context: None, limit: 2 };
    for memory in [&one, &two, &idle] {
        let found = memory.retrieve_nearest(&query).await.unwrap().expect("there is an index");
        assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), ids);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_server_offers_is_refused() {
    let refused = async |url: &str, variant: &str| open(Place::Server(url), variant).await.err().unwrap().to_string();
    assert_eq!(
        refused("http://127.0.0.1:1", "store=redb").await,
        "store=redb does not go with a URL: take store=libsql, or give a path instead"
    );
    assert_eq!(
        refused("http://127.0.0.1:1", "store=libsql,durability=fsynced").await,
        "durability=fsynced does not go with a URL: the server decides when it syncs: take durability=committed"
    );
    assert_eq!(
        refused("ftp://127.0.0.1", "store=libsql").await,
        "`ftp://127.0.0.1` is no URL of a database: write http://, https:// or libsql://, and a host"
    );
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(
        refused(&format!("http://{nobody}"), "store=libsql").await,
        "store libsql: opening failed",
        "and the reason is its source"
    );
}
