//! The call stacks of a case, as they are kept beside a run and drawn in a report.

use serde::{Deserialize, Serialize};

use crate::CaseKey;

/// The call stacks of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallStacks {
    /// The profiled case.
    pub case: CaseKey,
    /// The unit of the costs, as in `instructions`.
    pub unit: String,
    /// Folded stacks: `main;outer;inner 42`, one per line, the cost last.
    pub folded: String,
    /// The folded stacks of the base, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_folded: Option<String>,
}
