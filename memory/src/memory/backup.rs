//! Backups: all episodes as of one moment in one file of JSON Lines, whichever store and variant they are in.
//!
//! ```text
//! {"assay_memory_backup":1,"variant":"store=redb,..","made_at_ns":..}    the format's version comes first
//! {"episode":{"head":{..},"steps":[..]}}                                  an episode, completed or not
//! {"end":{"episodes":..}}                                                 their number: without it the file was cut
//! ```
//!
//! Vectors, patterns and indexes are not in it: restoring makes them anew, with the embedder and for the variant of the
//! new memory. So a backup is also the way to another store, and to another embedder. The file appears when it is
//! complete and on the disk. A backup that fails leaves nothing, so that it does not keep the disk full.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use scopeguard::{ScopeGuard, guard};
use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::deletion::patterns_of;
use super::{Memory, Options};
use crate::retrieval::Retrieval;
use crate::store::{Completed, Write, files};
use crate::{Episode, Error, Result, Variant};

/// The version of the format, in the header.
pub const BACKUP_FORMAT: u32 = 1;

/// The episodes that are restored in one transaction.
const TOGETHER: usize = 64;

/// A backup that was made or restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The episodes in it.
    pub episodes: u64,
    /// The size of the file.
    pub bytes: u64,
}

#[derive(Serialize)]
struct Header {
    assay_memory_backup: u32,
    variant: String,
    made_at_ns: u64,
}

/// What tells that a file is a backup, and of which version.
#[derive(Deserialize)]
struct Version {
    assay_memory_backup: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Written<'a> {
    Episode(&'a Episode),
    End { episodes: u64 },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Episode(Box<Episode>),
    End { episodes: u64 },
}

impl Memory {
    /// Writes all episodes as of one moment to a file, replacing it. Reads and writes go on meanwhile.
    #[instrument(level = "debug", skip_all)]
    pub async fn backup(&self, path: &Path) -> Result<Backup> {
        let failed = Error::io(path, "writing a backup");
        let unfinished = files::beside(path, "-new");
        let mut out = BufWriter::new(File::create(&unfinished).map_err(&failed)?);
        let unfinished = guard(unfinished, |unfinished| drop(std::fs::remove_file(unfinished)));
        let variant = self.variant.to_string();
        let header = Header { assay_memory_backup: BACKUP_FORMAT, variant, made_at_ns: self.clock.now_ns() };
        write_line(&mut out, &header).map_err(&failed)?;
        let mut episodes = 0;
        let mut keep = |episode: &Episode| {
            episodes += 1;
            write_line(&mut out, &Written::Episode(episode)).map_err(Error::io(path, "writing a backup"))
        };
        self.store.snapshot(&mut keep).await?;
        write_line(&mut out, &Written::End { episodes }).map_err(&failed)?;
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        let bytes = file.sync_all().and_then(|()| file.metadata()).map_err(&failed)?.len();
        files::rename_durably(&unfinished, path)?;
        ScopeGuard::into_inner(unfinished);
        Ok(Backup { episodes, bytes })
    }

    /// Opens an empty memory and fills it from a backup, all of which is read once before anything is written.
    ///
    /// # Errors
    /// Those of [`Memory::open`], [`Error::NotEmpty`], [`Error::Backup`] for a file that is none, was cut, or has a
    /// newer version.
    pub async fn restore(variant: &Variant, options: Options, path: &Path) -> Result<(Memory, Backup)> {
        let mut lines = Lines::open(path)?;
        while lines.next()?.is_some() {}
        let bytes = path.metadata().map_err(Error::io(path, "reading a backup"))?.len();

        let mut memory = Memory::open(variant, options).await?;
        match memory.stats().await?.episodes {
            0 => {}
            episodes => return Err(Error::NotEmpty { episodes }),
        }
        let (mut lines, mut writes, mut episodes) = (Lines::open(path)?, Vec::new(), 0);
        while let Some(episode) = lines.next()? {
            episodes += 1;
            memory.writes_of(episode, &mut writes);
            if episodes % TOGETHER == 0 {
                memory.write_all(&mut writes).await?;
            }
        }
        memory.write_all(&mut writes).await?;
        memory.flush().await?;
        let (episodes, sharing, counters) = (episodes as u64, memory.sharing.clone(), memory.counters.clone());
        memory.retrieval = Retrieval::open(variant.retrieval, episodes, sharing, counters); // with what was written
        Ok((memory, Backup { episodes, bytes }))
    }

    /// Adds the writes that make this episode.
    fn writes_of(&self, episode: Episode, writes: &mut Vec<Write>) {
        let patterns = patterns_of(&episode);
        let Episode { head, steps } = episode;
        let mut start = head.clone();
        let completed = start.completion.take().is_some();
        writes.push(Write::Create(Box::new(start)));
        writes.extend(steps.into_iter().map(|step| Write::Append(head.id, step)));
        if completed {
            let mut embedding = Vec::with_capacity(self.embedder.dimensions());
            self.embedder.embed(&head.task, &mut embedding);
            writes.push(Write::Complete(Box::new(Completed { head, embedding, patterns })));
        }
    }

    async fn write_all(&self, writes: &mut Vec<Write>) -> Result<()> {
        let outcomes = self.store.write_many(writes).await?;
        writes.clear();
        outcomes.into_iter().collect()
    }
}

fn write_line(out: &mut BufWriter<File>, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// The episodes of a backup, one after the other.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    text: Vec<u8>,
    line: u64,
    episodes: u64,
}

impl Lines {
    /// Opens a file and checks that it is a backup of a known version.
    fn open(path: &Path) -> Result<Lines> {
        let file = File::open(path).map_err(Error::io(path, "opening a backup"))?;
        let (path, reader) = (path.to_owned(), BufReader::new(file));
        let mut lines = Lines { path, reader, text: Vec::new(), line: 0, episodes: 0 };
        lines.read()?;
        match serde_json::from_slice(&lines.text) {
            Ok(Version { assay_memory_backup: BACKUP_FORMAT }) => Ok(lines),
            Ok(Version { assay_memory_backup: found }) => Err(lines.wrong(format!(
                "a backup of version {found}, this program knows version {BACKUP_FORMAT}: restore it with the program \
                that wrote it"
            ))),
            Err(_) => {
                Err(lines.wrong("no backup of a memory: take a file that `memory-server backup` wrote".to_owned()))
            }
        }
    }

    /// Reads a line; false at the end of the file.
    fn read(&mut self) -> Result<bool> {
        self.text.clear();
        self.line += 1;
        let read = self.reader.read_until(b'\n', &mut self.text);
        Ok(read.map_err(Error::io(&self.path, "reading a backup"))? > 0)
    }

    /// The next episode; none after the last one, whose number was checked.
    fn next(&mut self) -> Result<Option<Episode>> {
        if !self.read()? {
            return Err(self.wrong("the file was cut: take another backup".to_owned()));
        }
        match serde_json::from_slice(&self.text) {
            Ok(Line::Episode(episode)) => {
                self.episodes += 1;
                Ok(Some(*episode))
            }
            Ok(Line::End { episodes }) if episodes == self.episodes && !self.read()? => Ok(None),
            Ok(Line::End { episodes }) => {
                Err(self.wrong(format!("{} episodes, not {episodes}: take another backup", self.episodes)))
            }
            Err(error) => Err(self.wrong(format!("no episode: {error}: take another backup"))),
        }
    }

    fn wrong(&self, problem: String) -> Error {
        Error::Backup { path: self.path.clone(), line: self.line, problem }
    }
}
