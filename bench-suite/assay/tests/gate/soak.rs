//! Minutes of real load on a real server that deletes what is old: its memory and open files stay bounded, no answer is
//! wrong (but for reading what was deleted since it was found), and its counters add up.
//!
//! It runs for minutes, so only on request:
//!
//! ```text
//! cargo nextest run --release --workspace --test gate --run-ignored all --no-capture -E 'test(ten_minutes_of_load)'
//! ASSAY_SOAK_S=60 ..    for a minute instead of ten
//! ```
//!
//! A day of simulated time is `memory/tests/soak.rs`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use baselines::Measurement;
use episodes::api::{ServerReady, ServerStats};
use episodes::corpus::{self, Corpus};
use harness::build::cargo::{self, OwnProgram};
use workloads::input::Source;

/// Everything that holds resources: connections, episodes, a queue, compressed bodies, buffers. Scans share what they
/// read: under `sharing=clone` each running scan copies all heads, so memory grows with the store and the callers,
/// which is what that strategy demonstrates.
const VARIANT: &str =
    "store=libsql,codec=postcard,cache=lru,pool=adaptive,writes=batched,wire=compressed,sharing=arc,buffers=pooled";

/// Episodes per second: a quarter of the capacity of two cores, so that no queue builds up.
const RATE: &str = "10";

/// The completed episodes that the server keeps, so that its scans take no longer in the last hour than in the first.
const KEPT: u64 = 1_000;

/// The most bytes by which a warm server may grow, and that it may use in all. The cache of 1,000 long episodes fills
/// for minutes: ten of them grew from 46 to 79 MiB, and to 338 MiB with scans that copied.
const GROWTH_MAX: u64 = 96 << 20;
const RESIDENT_MAX: u64 = 192 << 20;

/// The most open files of the server: its sockets, and its connections with their logs.
const FILES_MAX: usize = 128;

/// A server that is killed when the test ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill(); // an error means that it has ended
        let _ = self.0.wait();
    }
}

/// The resident bytes and open files of a process.
fn usage(process: u32) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says so");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count);
    (kibibytes * 1024, files)
}

fn stats(address: &str) -> ServerStats {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET /stats HTTP/1.0\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("statistics")
}

#[test]
#[ignore = "ten minutes of load"]
fn ten_minutes_of_load_leave_nothing_behind() {
    let seconds: u64 = std::env::var("ASSAY_SOAK_S").map_or(600, |seconds| seconds.parse().expect("seconds"));
    let programs = cargo::build(&[OwnProgram::MemoryServer, OwnProgram::Loadgen]).expect("builds");
    let folder = tempfile::tempdir_in(harness::workspace::target()).expect("a folder on the disk of the build");
    let corpus = folder.path().join("corpus.jsonl");
    let input = Source::default().load(64).expect("generated");
    corpus::write(&corpus, &Corpus { source: input.name, scripts: input.scripts }).expect("writes");

    let mut server = Command::new(&programs[&OwnProgram::MemoryServer]);
    server
        .args(["--variant", VARIANT, "--keep-episodes", &KEPT.to_string(), "--seed", "1", "--path"])
        .arg(folder.path().join("memory.db"));
    let mut server = Server(server.stdout(Stdio::piped()).spawn().expect("starts"));
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().expect("piped")).read_line(&mut line).expect("says where it listens");
    let url = serde_json::from_str::<ServerReady>(&line).expect("the ready line").listening;
    let address = url.strip_prefix("http://").expect("plain").to_owned();

    let out = folder.path().join("load.jsonl");
    let mut load = Command::new(&programs[&OwnProgram::Loadgen]);
    load.args(["--server", &url, "--quiet", "--wire", "compressed", "--rate", RATE, "--users", "16"]);
    load.args(["--duration", &format!("{seconds}s")]).arg("--corpus").arg(&corpus).arg("--output").arg(&out);
    let summary = folder.path().join("summary.json");
    load.arg("--summary").arg(&summary);
    let mut load = load.stdout(Stdio::null()).spawn().expect("starts");

    let began = Instant::now();
    let mut samples = Vec::new();
    let ended = loop {
        match load.try_wait().expect("it was started") {
            Some(ended) => break ended,
            None => std::thread::sleep(Duration::from_millis(500)),
        }
        let (resident, files) = usage(server.0.id());
        samples.push((began.elapsed().as_secs_f64(), resident, files));
    };
    assert!(ended.success(), "the load generator failed: {ended}");
    assert!(samples.len() > 4, "it was over before anything was seen");
    for (at, resident, files) in samples.iter().step_by((samples.len() / 20).max(1)) {
        println!("{at:>6.1} s {:>8.1} MiB {files:>4} files", *resident as f64 / 1_048_576.0);
    }
    let measurements: Vec<Measurement> = std::fs::read_to_string(&out)
        .expect("written")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a measurement"))
        .collect();
    let value = |metric: &str| {
        let found = measurements.iter().find(|measurement| measurement.metric == metric);
        found.expect("measured").sample.median()
    };
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&summary).expect("written")).expect("a summary");
    let errors: BTreeMap<String, u64> = serde_json::from_value(summary["errors"].clone()).expect("by kind");
    println!("{} requests, {:.1} per second, errors: {errors:?}", measurements[0].operations, value("throughput"));
    // What was found may be deleted before it is read.
    assert!(errors.keys().all(|kind| kind.contains("read: status 404: no episode")), "{errors:?}");
    let too_late: u64 = errors.values().sum();

    let warm = samples[samples.len() / 3].1;
    let most = samples.iter().map(|sample| sample.1).max().expect("not empty");
    let files = samples.iter().map(|sample| sample.2).max().expect("not empty");
    assert!(most <= RESIDENT_MAX && most <= warm + GROWTH_MAX, "{warm} bytes when warm, at most {most}");
    assert!(files <= FILES_MAX, "{files} files");

    let ServerStats { episodes, steps, counters, .. } = stats(&address);
    let count = |name: &str| counters[name];
    println!("{episodes} episodes, {steps} steps, {counters:?}");
    let (all_steps, writes) = (count("steps_appended"), count("batched_writes"));
    let begun = (writes - all_steps) / 2;
    assert_eq!(writes, all_steps + 2 * begun, "steps, starts and completions, all of them in batches");
    let sessions = seconds * RATE.parse::<u64>().expect("a number");
    assert!(begun * 10 >= sessions * 8, "{begun} episodes, where about {sessions} were asked for");
    let since_the_last_sweep = begun / (seconds / 60 + 1) * 2;
    assert!(episodes <= KEPT + since_the_last_sweep && steps <= all_steps, "the others were deleted");
    assert!(count("batches") <= writes && count("shared_commits") <= writes);
    let deleted = begun - episodes;
    assert_eq!(count("transactions"), count("batches") + deleted, "one transaction a batch, and one a deletion");
    assert!(too_late * 100 <= deleted, "{errors:?}: {deleted} episodes were deleted");
    let open = count("connections_opened") - count("connections_retired");
    assert!(open <= 10, "{open} connections: 8 that read, one that writes, the anchor");
    assert!(count("wire_bytes_after") < count("wire_bytes_before") && count("bodies_compressed") > begun);
    assert!(
        count("cache_hits") + count("cache_misses") >= begun,
        "every episode is read when it is completed or found"
    );
}
