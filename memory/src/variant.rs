//! Variants: a strategy for every toggle, as runtime values.
//!
//! One table below names every toggle and every strategy; its macro makes the enums, the struct, the help and the
//! parser from it. A new toggle is a new entry. Toggles are never Cargo features, and no strategy changes an answer.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// One toggle, for help and for error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toggle {
    /// Its name in variants.
    pub name: &'static str,
    /// The names of its strategies; the first is the naive one.
    pub strategies: &'static [&'static str],
    /// Its meaning.
    pub about: &'static str,
}

macro_rules! toggles {
    ($($(#[doc = $about:literal])+ $toggle:ident: $Toggle:ident {
        $($(#[doc = $strategy_about:literal])+ $Strategy:ident = $strategy:literal,)+
    })+) => {
        $(
            $(#[doc = $about])+
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub enum $Toggle {
                $($(#[doc = $strategy_about])+ $Strategy,)+
            }

            impl $Toggle {
                /// Every strategy, the naive one first.
                pub const ALL: &'static [$Toggle] = &[$($Toggle::$Strategy),+];

                /// The strategy's name in variants.
                pub const fn name(self) -> &'static str {
                    match self {
                        $($Toggle::$Strategy => $strategy,)+
                    }
                }
            }

            impl fmt::Display for $Toggle {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(self.name())
                }
            }

            impl FromStr for $Toggle {
                type Err = Error;

                fn from_str(strategy: &str) -> Result<$Toggle> {
                    let known = $Toggle::ALL.iter().copied().find(|known| known.name() == strategy);
                    known.ok_or_else(|| Error::UnknownStrategy {
                        toggle: stringify!($toggle),
                        strategy: strategy.to_owned(),
                        valid: [$($strategy),+].join(", "),
                    })
                }
            }
        )+

        /// A strategy for every toggle.
        ///
        /// As text it is `toggle=strategy` pairs with commas between. [`Display`](fmt::Display) writes all toggles in
        /// the order of [`TOGGLES`]. Toggles that are missing in a text are the naive ones, and a missing durability is
        /// the first class of the store.
        ///
        /// ```
        /// use memory::Variant;
        ///
        /// let variant: Variant = "codec=postcard,store=redb".parse()?;
        /// assert!(variant.to_string().starts_with("store=redb,durability=buffered,codec=postcard,compression=none,"));
        /// # Ok::<(), memory::Error>(())
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct Variant {
            $($(#[doc = $about])+ pub $toggle: $Toggle,)+
        }

        /// Every toggle, in the order in which variants are written.
        pub const TOGGLES: &[Toggle] = &[$(Toggle {
            name: stringify!($toggle),
            strategies: &[$($strategy),+],
            about: concat!($($about),+).trim_ascii(),
        },)+];

        impl Variant {
            /// The naive strategy of every toggle: everything in memory, JSON, nothing compressed, cached or kept.
            pub const fn naive() -> Variant {
                Variant { $($toggle: $Toggle::ALL[0],)+ }
            }

            /// The name of the strategy of this toggle.
            ///
            /// # Errors
            /// [`Error::UnknownToggle`].
            pub fn get(&self, toggle: &str) -> Result<&'static str> {
                match toggle {
                    $(stringify!($toggle) => Ok(self.$toggle.name()),)+
                    _ => Err(unknown_toggle(toggle)),
                }
            }

            /// Changes the strategy of a toggle, and nothing else.
            fn assign(&mut self, toggle: &str, strategy: &str) -> Result<()> {
                match toggle {
                    $(stringify!($toggle) => self.$toggle = strategy.parse()?,)+
                    _ => return Err(unknown_toggle(toggle)),
                }
                Ok(())
            }
        }
    };
}

toggles! {
    /// Where episodes are kept.
    store: StoreKind {
        /// Structs in this process, nothing encoded.
        Memory = "memory",
        /// A redb file.
        Redb = "redb",
        /// A libSQL (SQLite) file.
        Libsql = "libsql",
        /// A libSQL file as the record, a redb file as the local tier in front.
        Tiered = "tiered",
    }
    /// What an acknowledged write survives.
    durability: Durability {
        /// Nothing: it ends with the process.
        Memory = "memory",
        /// A clean close. A kill of the process may take the last writes, and leaves a consistent store.
        Buffered = "buffered",
        /// A kill of the process. A power failure may take the last writes, and leaves a consistent store.
        Committed = "committed",
        /// A power failure.
        Fsynced = "fsynced",
    }
    /// How values become bytes.
    codec: Codec {
        /// JSON text (serde_json).
        Json = "json",
        /// MessagePack, structs as arrays (rmp-serde).
        Messagepack = "messagepack",
        /// Postcard: no field names, variable-length integers.
        Postcard = "postcard",
    }
    /// How values over the threshold are compressed.
    compression: Compression {
        /// Not at all.
        None = "none",
        /// LZ4 blocks.
        Lz4 = "lz4",
        /// Zstandard, level 1.
        Zstd = "zstd",
        /// Zstandard, level 3, with a trained dictionary; also values far under the threshold.
        ZstdDictionary = "zstd-dictionary",
    }
    /// Which episodes and answers to queries are kept at hand.
    cache: CacheKind {
        /// None: every look-up and every query asks the store.
        None = "none",
        /// Those used last, each for a fixed time.
        Lru = "lru",
        /// Those used last, each for a time that grows with how often it is asked for.
        AdaptiveTtl = "adaptive-ttl",
        /// Those that are expected to be asked for again before their time is up.
        Predictive = "predictive",
    }
    /// Where the buffers come from in which values are encoded, compressed and decompressed.
    buffers: BufferKind {
        /// Each is allocated for its value.
        Fresh = "fresh",
        /// A few are kept and handed out again.
        Pooled = "pooled",
    }
    /// How episodes are found by their metadata.
    metadata: MetadataKind {
        /// Every episode's metadata is read, and compared here.
        Scan = "scan",
        /// The database looks into every episode's JSON, and hands over what it found. Stores that are asked in SQL
        /// have it.
        JsonExtract = "json-extract",
        /// By an index of keys and values.
        Indexed = "indexed",
    }
    /// By which index the newest episodes of a task type and domain are found.
    index: IndexKind {
        /// One of the task type alone.
        Single = "single",
        /// One of task type, domain and time: it has the answer, in its order.
        Composite = "composite",
    }
    /// How several episodes are fetched by their ids.
    batch: BatchKind {
        /// One after the other.
        Serial = "serial",
        /// All with one question.
        SingleQuery = "single-query",
        /// Side by side, over several connections.
        Parallel = "parallel",
    }
    /// How steps get into the store.
    writes: WriteKind {
        /// Each in a transaction of its own.
        Immediate = "immediate",
        /// Those that come together in one transaction. None is acknowledged before it is committed.
        Batched = "batched",
    }
    /// How embeddings are stored.
    embedding: EmbeddingKind {
        /// As JSON text.
        Json = "json",
        /// As postcard: 4 bytes a number, and their count.
        Postcard = "postcard",
        /// As 4 bytes a number; in a libSQL database also in a native column with an index of angles.
        F32Blob = "f32-blob",
    }
    /// How the completed episodes that are most like a query are found.
    retrieval: RetrievalKind {
        /// Every one of them is scored.
        Scan = "scan",
        /// By an index in this process over contexts and embeddings: those that cannot be among the best are left out.
        Indexed = "indexed",
    }
    /// What a caller gets of an episode that the memory holds.
    sharing: SharingKind {
        /// A copy of its own; and a scan ranks copies.
        Clone = "clone",
        /// A reference that is counted; and a scan ranks what the store shows it.
        Arc = "arc",
    }
    /// Where connections to a database come from.
    pool: PoolKind {
        /// Each operation opens its own.
        None = "none",
        /// They are kept and lent.
        Keepalive = "keepalive",
        /// They are kept and lent, as many at a time as the demand asks for.
        Adaptive = "adaptive",
    }
    /// How bodies go over HTTP: of the server's requests and answers, and of the answers of a database's server.
    wire: WireKind {
        /// As they are.
        Identity = "identity",
        /// Compressed (gzip): those of 1 KiB and more, and whatever a database's server compresses when it is asked to.
        Compressed = "compressed",
    }
}

impl StoreKind {
    /// The durability classes of the store, the weakest first.
    pub const fn durabilities(self) -> &'static [Durability] {
        match self {
            StoreKind::Memory => &[Durability::Memory],
            StoreKind::Redb => &[Durability::Buffered, Durability::Fsynced],
            StoreKind::Libsql | StoreKind::Tiered => &[Durability::Committed, Durability::Fsynced],
        }
    }
}

impl Default for Variant {
    fn default() -> Variant {
        Variant::naive()
    }
}

impl Variant {
    /// Changes the strategy of a toggle. A store without the present durability class gets its first one.
    ///
    /// # Errors
    /// [`Error::UnknownToggle`] and [`Error::UnknownStrategy`], which name the valid ones.
    pub fn set(&mut self, toggle: &str, strategy: &str) -> Result<()> {
        self.assign(toggle, strategy)?;
        let offered = self.store.durabilities();
        if toggle == "store" && !offered.contains(&self.durability) {
            self.durability = offered[0];
        }
        Ok(())
    }

    /// Checks that the strategies go together.
    ///
    /// # Errors
    /// [`Error::InvalidVariant`], with a combination that works.
    pub fn validate(&self) -> Result<()> {
        if self.metadata == MetadataKind::JsonExtract && matches!(self.store, StoreKind::Memory | StoreKind::Redb) {
            return Err(Error::InvalidVariant {
                conflict: format!("store={} holds no JSON for metadata=json-extract", self.store),
                remedy: "choose metadata=scan or indexed, or store=libsql or tiered".to_owned(),
            });
        }
        let offered = self.store.durabilities();
        if offered.contains(&self.durability) {
            return Ok(());
        }
        let offered: Vec<&str> = offered.iter().map(|class| class.name()).collect();
        Err(Error::InvalidVariant {
            conflict: format!("store={} does not offer durability={}", self.store, self.durability),
            remedy: format!("choose durability={}", offered.join(" or ")),
        })
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, toggle) in TOGGLES.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let strategy = self.get(toggle.name).expect("the table's own toggle");
            write!(f, "{comma}{}={strategy}", toggle.name)?;
        }
        Ok(())
    }
}

impl FromStr for Variant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Variant> {
        let mut pairs = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (toggle, strategy) =
                part.split_once('=').ok_or_else(|| Error::MalformedVariant { part: part.to_owned() })?;
            pairs.push((toggle.trim(), strategy.trim()));
        }
        let mut variant = Variant::naive();
        // The store first, since it chooses a durability class; a class in the text overrides that wherever it stands.
        pairs.sort_by_key(|&(toggle, _)| toggle != "store");
        for (toggle, strategy) in pairs {
            variant.set(toggle, strategy)?;
        }
        variant.validate()?;
        Ok(variant)
    }
}

fn unknown_toggle(name: &str) -> Error {
    let valid: Vec<&str> = TOGGLES.iter().map(|toggle| toggle.name).collect();
    Error::UnknownToggle { name: name.to_owned(), valid: valid.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_in_one_order_and_read_in_any() {
        // Every toggle with its last strategy, which is not the naive one.
        let last = |toggle: &Toggle| format!("{}={}", toggle.name, toggle.strategies.last().unwrap());
        let text = TOGGLES.iter().map(last).collect::<Vec<String>>().join(",");
        let variant: Variant = text.parse().unwrap();
        assert_eq!(variant.to_string(), text);
        let mut parts: Vec<&str> = text.split(',').collect();
        parts.reverse();
        assert_eq!(parts.join(", ").parse::<Variant>().unwrap(), variant);
    }

    #[test]
    fn missing_toggles_are_naive() {
        assert_eq!("".parse::<Variant>().unwrap(), Variant::naive());
        let naive = "store=memory,durability=memory,codec=json,compression=none,cache=none,";
        assert!(Variant::default().to_string().starts_with(naive));
        assert_eq!("store=libsql".parse::<Variant>().unwrap().durability, Durability::Committed);
        assert_eq!("store=redb".parse::<Variant>().unwrap().durability, Durability::Buffered);
    }

    #[test]
    fn errors_name_what_is_valid() {
        let error = |text: &str| text.parse::<Variant>().unwrap_err().to_string();
        let names: Vec<&str> = TOGGLES.iter().map(|toggle| toggle.name).collect();
        assert_eq!(error("stoer=redb"), format!("unknown toggle `stoer`: one of {}", names.join(", ")));
        assert_eq!(
            error("store=redis"),
            "unknown strategy `redis` of toggle `store`: one of memory, redb, libsql, tiered"
        );
        assert_eq!(
            error("postcard"),
            "`postcard` is no `toggle=strategy` pair: write pairs with commas between, such as store=redb,codec=postcard"
        );
        assert_eq!(
            error("durability=committed,store=redb"),
            "store=redb does not offer durability=committed: choose durability=buffered or fsynced"
        );
        assert_eq!(
            error("store=redb,metadata=json-extract"),
            "store=redb holds no JSON for metadata=json-extract: choose metadata=scan or indexed, or store=libsql or tiered"
        );
    }

    #[test]
    fn get_and_set_know_every_toggle() {
        for toggle in TOGGLES {
            let mut variant = Variant::naive();
            assert_eq!(variant.get(toggle.name).unwrap(), toggle.strategies[0]);
            for strategy in toggle.strategies {
                variant.set(toggle.name, strategy).unwrap();
                assert_eq!(variant.get(toggle.name).unwrap(), *strategy);
            }
            assert!(variant.set(toggle.name, "no such strategy").is_err());
        }
        assert!(Variant::naive().get("no such toggle").is_err());
    }
}
