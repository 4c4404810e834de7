//! `assay load profile`: where a server and the load generator spend their CPU time while one loads the other.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use baselines::Unit;
use baselines::exit_code::Exit;
use clap::{ArgAction, Args};
use harness::served::server::{PORT, ServerProcess};
use harness::tools::loadgen;
use harness::tools::perf::{self, StackSampling};
use harness::workspace;
use reports::{flamegraph, stacks};

/// Load a server, and write flamegraphs of its CPU time and of the load generator's
///
/// perf samples both 99 times per second of CPU time, which slows both slightly. What a server is slow at for other
/// reasons (locks, disks) takes no CPU time and is not in the picture.
#[derive(Debug, Args)]
pub struct LoadProfileArgs {
    /// Start this server in this folder; `{port}` stands for the port that it must listen on
    #[arg(long, value_name = "COMMAND", required_unless_present = "pid", conflicts_with = "pid")]
    server: Option<String>,

    /// The number of the process of a server that runs already
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,

    /// The folder for flamegraphs and folded stacks [default: target/assay/profiles]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,

    /// Print help
    #[arg(long, short, action = ArgAction::Help)]
    help: Option<bool>,

    /// Arguments of the load generator, such as `--scenario FILE`
    #[arg(last = true, required = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

impl LoadProfileArgs {
    /// Plays the load, and writes what perf saw meanwhile.
    pub fn execute(&self) -> Result<Exit> {
        if let Some(why) = perf::missing() {
            bail!("profiles under load need perf: {why}");
        }
        let loadgen = loadgen::find()?;
        let started = self.server.as_deref().map(started).transpose()?;
        let server = started.as_ref().map(ServerProcess::id).or(self.pid).context("no server to profile")?;
        let to: Vec<OsString> = match &started {
            Some(started) => vec!["--server".into(), started.url().into()],
            None => vec![],
        };
        let of_server = StackSampling::start(server)?;
        let mut of_generator = StackSampling::launch(&loadgen, &[to, self.arguments.clone()].concat())?;
        let exit = loadgen::exit_of(of_generator.wait()?);
        if exit == Exit::Error || exit == Exit::Usage {
            return Ok(exit);
        }
        let folder = self.output.clone().unwrap_or_else(|| workspace::output().join("profiles"));
        for (name, sampling) in [("server", of_server), ("generator", of_generator)] {
            let samples = sampling.finish().with_context(|| format!("the profile of the {name}"))?;
            write(&folder, name, &flamegraph::folded_samples(&samples)?)?;
        }
        Ok(exit)
    }
}

fn started(line: &str) -> Result<ServerProcess> {
    ensure!(
        line.contains(PORT),
        "`--server '{line}'` has no {PORT}: write it where the command line takes the port to listen on"
    );
    ServerProcess::start(line)
}

/// Writes the stacks and their picture, and says where they are.
fn write(folder: &Path, name: &str, folded: &str) -> Result<()> {
    if folded.is_empty() {
        println!("the {name} took no CPU time that perf saw: load it longer, or with a higher rate");
        return Ok(());
    }
    let path = folder.join(format!("load-{name}.svg"));
    let cpu_ns: u64 = stacks::parse(folded)?.iter().map(|(_, cost)| cost).sum();
    baselines::atomic::write(&path, flamegraph::flamegraph(folded, "ns")?.as_bytes())?;
    baselines::atomic::write(&path.with_extension("folded"), folded.as_bytes())?;
    println!("{name}: {} of CPU time: {}", Unit::Nanoseconds.show(cpu_ns as f64), path.display());
    Ok(())
}
