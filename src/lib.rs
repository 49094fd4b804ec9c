//! tidemill: a micro-batch structured streaming engine with the model, the words and the SQL dialect of Spark Structured
//! Streaming, for one machine.

// The surface.
pub mod case;
pub mod catalog;
pub mod frame;
pub mod functions;
pub mod options;
pub mod query;
pub mod session;
pub mod sql;
// The flow.
pub mod analyze;
pub mod checkpoint;
pub mod expr;
pub mod format;
pub mod function;
pub mod incremental;
pub mod micro_batch;
pub mod operator;
pub mod plan;
pub mod progress;
pub mod replay;
pub mod sink;
pub mod source;
pub mod trigger;
pub mod watermark;
// What it stands on.
pub mod arrow_bridge;
pub mod batch;
pub mod cast;
pub mod clock;
pub mod disk;
pub mod embedded_broker;
pub mod error;
pub mod hash;
mod kafka;
pub mod offset;
pub mod table_format;
pub mod types;
// The binary's.
pub mod cli;

pub use error::{Error, ErrorKind, Result};
pub use frame::StreamFrame;
pub use session::Session;
