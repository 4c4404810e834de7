//! One load from several generators: as an Indexed Job of Kubernetes starts them, without a cluster.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::scenario::{answer, shop};
use super::support::{Stub, fails, run, stderr, stdout};

/// All shards have started by then, also on a busy machine.
const UNTIL_START: Duration = Duration::from_secs(6);

fn start_at() -> String {
    (SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + UNTIL_START).as_secs_f64().to_string()
}

/// The arguments of the pods in the manifest of the job, with other values for some.
fn job(values: &[(&str, &str)]) -> Vec<String> {
    let manifest = include_str!("../../kubernetes/job.yaml");
    let arguments = manifest.lines().filter_map(|line| line.trim().strip_prefix("- --"));
    let mut arguments: Vec<String> = arguments.map(|argument| format!("--{argument}")).collect();
    for (option, value) in values {
        let is_it = |argument: &&mut String| argument.split('=').next() == Some(*option);
        *arguments.iter_mut().find(is_it).unwrap() = format!("{option}={value}");
    }
    assert!(arguments.iter().all(|argument| !argument.contains('$')), "{arguments:?}");
    // A busy machine may be late: that is not what this is about.
    arguments.push("--max-start-lag=1h".to_owned());
    arguments
}

/// A pod: the same command for all, only the environment differs. Its file has what `kubectl logs` would show.
fn pod(index: usize, arguments: &[String], logs: &Path) -> Child {
    let log = File::create(logs.join(format!("load-{index}.hlog"))).unwrap();
    Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(arguments)
        .env("JOB_COMPLETION_INDEX", index.to_string())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn merge(logs: &Path) -> Output {
    run(&["merge", logs.to_str().unwrap()])
}

/// Whether it ends with 0, although nobody reads what it prints.
fn succeeds_unread(arguments: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    child.wait().unwrap().success()
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
    let values = [("--scenario", path.as_str()), ("--server", &server.url), ("--users", "16"), ("--gap", "1ms")];
    let arguments = job(&[&values[..], &[("--rate", "40"), ("--duration", "1s"), ("--start-at", &start)]].concat());
    let pods: Vec<Child> = (0..4).map(|index| pod(index, &arguments, &logs)).collect();
    for mut pod in pods {
        assert!(pod.wait().unwrap().success());
    }
    let plan = run(&["--scenario", &path, "--model", "partly-open", "--rate", "40", "--duration", "1s", "--plan"]);
    let requests = 3 * stdout(&plan).lines().count();
    assert_eq!(seen.lock().unwrap().len(), requests, "all sessions were sent, and each by one pod");
    let merged = merge(&logs);
    assert!(merged.status.success(), "{}", stderr(&merged));
    assert!(stdout(&merged).starts_with(&format!("load/shop: {requests} requests, 0 errors\n")), "{}", stdout(&merged));
    assert!(succeeds_unread(&["merge", logs.to_str().unwrap()]) && succeeds_unread(&["--scenario", &path, "--plan"]));

    // The same again, longer, and the third pod is killed while it sends. Its sessions have the third user of the data.
    while sent.try_recv().is_ok() {}
    let start = start_at();
    let arguments = job(&[&values[..], &[("--rate", "40"), ("--duration", "5s"), ("--start-at", &start)]].concat());
    let mut pods: Vec<Child> = (0..4).map(|index| pod(index, &arguments, &logs)).collect();
    while !sent.recv().unwrap().ends_with("/cat") {}
    while fs::metadata(logs.join("load-2.hlog")).unwrap().len() == 0 {
        std::thread::yield_now();
    }
    pods[2].kill().unwrap();
    for (index, pod) in pods.iter_mut().enumerate() {
        assert_eq!(pod.wait().unwrap().success(), index != 2);
    }
    let merged = merge(&logs);
    assert_eq!(merged.status.code(), Some(3), "{}", stderr(&merged));
    let said = stderr(&merged);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("loadgen: invalid: shard 3/4 ("), "{said}");
    assert!(said.ends_with("load-2.hlog) died: its log has no end line\n"), "{said}");
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

#[test]
fn a_shard_without_sessions_is_a_whole_part_of_the_sum() {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path());
    let server = Stub::start(|request, _| answer(request));
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let start = start_at();
    let values = [("--scenario", path.as_str()), ("--server", &server.url), ("--gap", "1ms"), ("--start-at", &start)];
    let mut arguments = job(&[&values[..], &[("--rate", "40"), ("--duration", "1s")]].concat());
    arguments.push("--sessions=1".to_owned());
    let pods: Vec<Child> = (0..4).map(|index| pod(index, &arguments, &logs)).collect();
    for mut pod in pods {
        assert!(pod.wait().unwrap().success());
    }
    let merged = merge(&logs);
    assert!(merged.status.success(), "{}", stderr(&merged));
    assert!(stdout(&merged).starts_with("load/shop: 3 requests, 0 errors\n"), "{}", stdout(&merged));
    let idle = fs::read_to_string(logs.join("load-1.hlog")).unwrap();
    assert!(idle.contains("shard 2/4 has no session of this schedule"), "{idle}");
}
