//! Folders of other tools' output, and the `assay` program.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A folder with inputs.
pub struct Inputs(TempDir);

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Inputs {
    /// An empty folder.
    pub fn new() -> Inputs {
        Inputs(tempfile::tempdir().expect("a folder"))
    }

    /// A path in it.
    pub fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }

    /// A run of a benchmark as criterion keeps it, with `new` as its last folder or a baseline's name.
    pub fn criterion(&self, folder: &str, name: &str, time_ns: f64) {
        let iterations: Vec<f64> = (1..=10).map(f64::from).collect();
        let times: Vec<f64> = iterations.iter().map(|number| number * time_ns).collect();
        self.write(&format!("{folder}/benchmark.json"), format!(r#"{{"group_id":"{name}","full_id":"{name}"}}"#));
        self.write(
            &format!("{folder}/sample.json"),
            format!(r#"{{"sampling_mode":"Linear","iters":{iterations:?},"times":{times:?}}}"#),
        );
    }

    /// Runs `assay` here.
    pub fn assay(&self, arguments: &[&str]) -> Ended {
        self.assay_in("", arguments)
    }

    /// Runs `assay` in a folder below.
    pub fn assay_in(&self, folder: &str, arguments: &[&str]) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_assay"))
            .args(arguments)
            .current_dir(self.at(folder))
            .env("CARGO_TARGET_DIR", self.at("assay-target"))
            .env("NO_COLOR", "1")
            .output()
            .expect("assay starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended {
            code: output.status.code().expect("not killed"),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

impl Ended {
    /// Ended with a code and one line that says why.
    pub fn refused(&self, code: i32, says: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "one line: {}", self.stderr);
        assert!(self.stderr.contains(says), "expected `{says}`:\n{}", self.stderr);
    }

    /// Ended with a code, with nothing on stderr, and these texts on stdout.
    pub fn printed(&self, code: i32, texts: &[&str]) {
        assert_eq!((self.code, self.stderr.as_str()), (code, ""), "{}", self.stdout);
        for text in texts {
            assert!(self.stdout.contains(text), "expected `{text}`:\n{}", self.stdout);
        }
    }

    /// The row of a table that ends with a name, its columns with one blank between.
    pub fn row(&self, name: &str) -> String {
        let row = self.stdout.lines().find(|line| line.trim_end().ends_with(name));
        let words: Vec<&str> = row.unwrap_or_default().split_whitespace().collect();
        words.join(" ")
    }
}

/// A gungraun summary of schema 7 with new values of Callgrind.
pub fn gungraun(module: &str, package: &str, metrics: &[(&str, u64)]) -> String {
    let values: Vec<String> =
        metrics.iter().map(|(name, value)| format!(r#""{name}":{{"values":{{"new":{value}}}}}"#)).collect();
    summary("7", module, package, "Callgrind", &values.join(","))
}

/// A summary with these metrics of a tool.
pub fn summary(version: &str, module: &str, package: &str, tool: &str, metrics: &str) -> String {
    format!(
        r#"{{"version":"{version}","kind":"LibraryBenchmark","module_path":"{module}","package_dir":"{package}",
            "project_root":"/x","profiles":[{{"tool":"{tool}","data":{{"parts":[],"total":{{"metrics":{{{metrics}}}}}}}}}]}}"#
    )
    .replace('\n', "")
}

/// What hyperfine exports of one command.
pub fn hyperfine(command: &str, time_s: f64) -> String {
    format!(
        r#"{{"results":[{{"command":"{command}","mean":{time_s},"stddev":null,"median":{time_s},"user":{time_s},
            "system":0.0,"times":[{time_s},{time_s}],"exit_codes":[0,0]}}]}}"#
    )
}

/// Whether a path is a file.
pub fn exists(path: &Path) -> bool {
    path.is_file()
}
