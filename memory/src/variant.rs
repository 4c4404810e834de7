//! Variants: a strategy for every toggle, as runtime values.
//!
//! One table below names every toggle and every strategy; its macro makes the enums, the struct, the help and the
//! parser from it. A new toggle is a new entry. Toggles are never Cargo features. No strategy changes an answer, with
//! one exception: `retrieval=indexed` may miss episodes in stores of 512 and more, if their embeddings are dense or of
//! long texts.

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
    ($($toggle:ident: $Toggle:ident, $about:literal {
        $($Strategy:ident = $strategy:literal: $strategy_about:literal,)+
    })+) => {
        $(
            #[doc = $about]
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub enum $Toggle {
                $(#[doc = $strategy_about] $Strategy,)+
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
            $(#[doc = $about] pub $toggle: $Toggle,)+
        }

        /// Every toggle, in the order in which variants are written.
        pub const TOGGLES: &[Toggle] = &[$(Toggle {
            name: stringify!($toggle),
            strategies: &[$($strategy),+],
            about: $about,
        },)+];

        impl Variant {
            /// The naive strategy of every toggle: everything in memory, JSON, nothing compressed, cached or kept.
            pub const fn naive() -> Variant {
                Variant { $($toggle: $Toggle::ALL[0],)+ }
            }

            /// The name of the strategy of this toggle.
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
    store: StoreKind, "Where episodes are kept." {
        Memory = "memory": "Structs in this process, nothing encoded.",
        Redb = "redb": "A redb file.",
        Libsql = "libsql": "A libSQL (SQLite) file.",
        Tiered = "tiered": "A libSQL file as the record, a redb file as the local tier in front.",
    }
    durability: Durability, "What an acknowledged write survives." {
        Memory = "memory": "Nothing: it ends with the process.",
        Buffered = "buffered": "A clean close. A kill of the process or a power failure may take the writes of the last \
            second, and leaves a consistent store.",
        Committed = "committed": "A kill of the process. A power failure may take the last writes, and leaves a \
            consistent store.",
        Fsynced = "fsynced": "A power failure.",
    }
    codec: Codec, "How values become bytes." {
        Json = "json": "JSON text (serde_json).",
        Messagepack = "messagepack": "MessagePack, structs as arrays (rmp-serde).",
        Postcard = "postcard": "Postcard: no field names, variable-length integers.",
    }
    compression: Compression, "How values over the threshold are compressed." {
        None = "none": "Not at all.",
        Lz4 = "lz4": "LZ4 blocks.",
        Zstd = "zstd": "Zstandard, level 1.",
        ZstdDictionary = "zstd-dictionary": "Zstandard, level 3, with a trained dictionary; also values far under \
            the threshold.",
    }
    cache: CacheKind, "Which episodes and answers to queries are kept at hand." {
        None = "none": "None: every look-up and every query asks the store.",
        Lru = "lru": "Those used last, each for a fixed time.",
        AdaptiveTtl = "adaptive-ttl": "Those used last, each for a time that grows with how often it is asked for.",
        Predictive = "predictive": "Those that are expected to be asked for again before their time is up.",
    }
    buffers: BufferKind, "Where the buffers come from in which values are encoded, compressed and decompressed." {
        Fresh = "fresh": "Each is allocated for its value.",
        Pooled = "pooled": "A few are kept and handed out again.",
    }
    metadata: MetadataKind, "How episodes are found by their metadata." {
        Scan = "scan": "Every episode's metadata is read, and compared here.",
        JsonExtract = "json-extract": "The database looks into every episode's JSON, and hands over what it found. \
            Stores that are asked in SQL have it.",
        Indexed = "indexed": "By an index of keys and values.",
    }
    index: IndexKind, "By which index the newest episodes of a task type and domain are found." {
        Single = "single": "One of the task type alone.",
        Composite = "composite": "One of task type, domain and time: it has the answer, in its order.",
    }
    batch: BatchKind, "How several episodes are fetched by their ids." {
        Serial = "serial": "One after the other.",
        SingleQuery = "single-query": "All with one question.",
        Parallel = "parallel": "Side by side, over several connections.",
    }
    writes: WriteKind, "How steps get into the store." {
        Immediate = "immediate": "Each in a transaction of its own.",
        Batched = "batched": "Those that come together in one transaction. None is acknowledged before it is \
            committed.",
    }
    embedding: EmbeddingKind, "How embeddings are stored." {
        Json = "json": "As JSON text.",
        Postcard = "postcard": "As postcard: 4 bytes a number, and their count.",
        F32Blob = "f32-blob": "As 4 bytes a number; in a libSQL database also in a native column with an index of \
            angles.",
    }
    retrieval: RetrievalKind, "How the completed episodes that are most like a query are found." {
        Scan = "scan": "Every one of them is scored.",
        Indexed = "indexed": "By an index in this process over contexts and embeddings: those with the best \
            estimates are scored.",
    }
    sharing: SharingKind, "What a caller gets of an episode that the memory holds." {
        Clone = "clone": "A copy of its own; and a scan ranks copies.",
        Arc = "arc": "A reference that is counted; and a scan ranks what the store shows it.",
    }
    pool: PoolKind, "Where connections to a database come from." {
        None = "none": "Each operation opens its own.",
        Keepalive = "keepalive": "They are kept and lent.",
        Adaptive = "adaptive": "They are kept and lent, as many at a time as the demand asks for.",
    }
    wire: WireKind, "How bodies go over HTTP: of the server's requests and answers, and of the answers of a \
        database's server." {
        Identity = "identity": "As they are.",
        Compressed = "compressed": "Compressed (gzip): those of 1 KiB and more, and whatever a database's server \
            compresses when it is asked to.",
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
    pub fn set(&mut self, toggle: &str, strategy: &str) -> Result<()> {
        self.assign(toggle, strategy)?;
        let offered = self.store.durabilities();
        if toggle == "store" && !offered.contains(&self.durability) {
            self.durability = offered[0];
        }
        Ok(())
    }

    /// Checks that the strategies go together. The error names a combination that works.
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
