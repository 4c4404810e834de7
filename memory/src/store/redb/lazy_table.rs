//! A table of a write transaction that is opened when it is first needed.
//!
//! redb looks an opened table up in its table of tables twice, at the opening and at the commit, even if nothing in it
//! changes. For a single step that is as much as a part of its writing.

use ::redb::{Key, Table, TableDefinition, Value, WriteTransaction};

use super::error::BackendResult;

pub(super) struct LazyTable<'t, K: Key + 'static, V: Value + 'static> {
    transaction: &'t WriteTransaction,
    definition: TableDefinition<'static, K, V>,
    open: Option<Table<'t, K, V>>,
}

impl<'t, K: Key + 'static, V: Value + 'static> LazyTable<'t, K, V> {
    pub(super) fn new(transaction: &'t WriteTransaction, definition: TableDefinition<'static, K, V>) -> Self {
        LazyTable { transaction, definition, open: None }
    }

    pub(super) fn get(&mut self) -> BackendResult<&mut Table<'t, K, V>> {
        Ok(match &mut self.open {
            Some(open) => open,
            closed => closed.insert(self.transaction.open_table(self.definition)?),
        })
    }
}
