//! One load from several generators: as an Indexed Job of Kubernetes starts them, without a cluster.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::scenario::{PATIENT, answer, shop};
use super::support::{Stub, fails, run, stderr, stdout};

/// All shards have started by then, also on a busy machine.
const UNTIL_START: Duration = Duration::from_secs(6);

fn start_at() -> String {
    (SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + UNTIL_START).as_secs_f64().to_string()
}

/// The command of the job: the same in every pod. Only the environment differs.
fn pod(index: usize, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(arguments)
        .env("JOB_COMPLETION_INDEX", index.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn merge(logs: &Path) -> std::process::Output {
    run(&["merge", logs.to_str().unwrap()])
}

#[test]
fn four_pods_send_one_schedule_and_one_that_is_killed_makes_it_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (sender, sent) = mpsc::channel();
    let server = Stub::start({
        let seen = Arc::clone(&seen);
        move |request, _| {
            seen.lock().unwrap().push(request.to_owned());
            sender.send(request.to_owned()).unwrap();
            answer(request)
        }
    });
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let start = start_at();
    let job = ["--scenario", &path, "--server", &server.url, "--sessions", "40", "--rate", "200", "--shard", "auto/4"];
    let more = ["--start-at", &start, "--log", logs.to_str().unwrap()];
    let arguments = [&job[..], &more, &PATIENT].concat();
    let pods: Vec<Child> = (0..4).map(|index| pod(index, &arguments)).collect();
    for pod in pods {
        let output = pod.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert_eq!(seen.lock().unwrap().len(), 120, "all sessions were sent, and each by one pod");
    let merged = merge(&logs);
    assert!(merged.status.success(), "{}", stderr(&merged));
    assert!(stdout(&merged).starts_with("load/shop: 120 requests, 0 errors\n"), "{}", stdout(&merged));

    while sent.try_recv().is_ok() {}
    // The same again, much longer, and the third pod is killed while it sends.
    let start = start_at();
    let job = ["--scenario", &path, "--server", &server.url, "--rate", "40", "--sessions", "200", "--shard", "auto/4"];
    let more = ["--start-at", &start, "--log", logs.to_str().unwrap()];
    let arguments = [&job[..], &more, &PATIENT].concat();
    fs::remove_dir_all(&logs).unwrap();
    fs::create_dir(&logs).unwrap();
    let mut pods: Vec<Child> = (0..4).map(|index| pod(index, &arguments)).collect();
    // The third user of the data is the third pod's.
    while !sent.recv().unwrap().ends_with("/cat") {}
    let partial = logs.join("shard-3of4.hlog.partial");
    while fs::metadata(&partial).map_or(0, |data| data.len()) == 0 {
        assert!(pods[2].try_wait().unwrap().is_none(), "it ended before its log began");
        std::thread::yield_now();
    }
    pods[2].kill().unwrap();
    for (index, pod) in pods.into_iter().enumerate() {
        assert_eq!(pod.wait_with_output().unwrap().status.success(), index != 2);
    }
    let merged = merge(&logs);
    assert_eq!(merged.status.code(), Some(3), "{}", stderr(&merged));
    let said = stderr(&merged);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("loadgen: invalid: shard 3/4 ("), "{said}");
    assert!(said.ends_with("shard-3of4.hlog.partial) died: its log has no end line\n"), "{said}");
}

#[test]
fn shards_start_at_one_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path());
    fails(&run(&["--scenario", &path, "--shard", "2/4"]), 2, "--shard 2/4 needs --start-at");
    let late = run(&["--scenario", &path, "--shard", "2/4", "--start-at", "2026-01-01T00:00:00Z"]);
    fails(&late, 3, "nothing was sent; give a later time");
    assert_eq!(run(&["--scenario", &path, "--shard", "5/4"]).status.code(), Some(2));
    let all = run(&["--scenario", &path, "--plan"]);
    let mut parts: Vec<String> = Vec::new();
    for shard in ["1/2", "2/2"] {
        let part = run(&["--scenario", &path, "--plan", "--shard", shard]);
        parts.extend(stdout(&part).lines().map(str::to_owned));
    }
    let mut whole: Vec<&str> = stdout(&all).lines().collect();
    whole.sort_unstable();
    parts.sort_unstable();
    assert_eq!(parts, whole);
}

#[test]
fn only_logs_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    fails(&merge(folder.path()), 1, "has no .hlog file: give the folder that --log named");
    let other = folder.path().join("a.hlog");
    fs::write(&other, "text\n").unwrap();
    fails(&merge(&other), 1, "a.hlog: it is no log of a load test");
}
