//! Where a query keeps its checkpoint, by Spark's rules: the option, else a folder of the query's name below the session's
//! `spark.sql.streaming.checkpointLocation`, else a temporary folder if the sink is one to look at, else it is an error.

use super::Settings;
use crate::error::{Error, Result};
use crate::query::CheckpointLocation;
use std::path::Path;
use uuid::Uuid;

/// Where the query keeps its checkpoint.
///
/// # Errors
///
/// `Invalid`, if nothing says where and the sink needs a place that stays.
pub(super) fn resolve(
    option: Option<&Path>,
    name: Option<&str>,
    settings: &Settings,
    allows_temporary: bool,
) -> Result<CheckpointLocation> {
    if let Some(directory) = option {
        return Ok(CheckpointLocation::Directory(directory.to_owned()));
    }
    if let Some(root) = &settings.checkpoint_root {
        let folder = match name {
            Some(name) => file_name(name)?,
            None => Uuid::new_v4().to_string(),
        };
        return Ok(CheckpointLocation::Directory(root.join(folder)));
    }
    if allows_temporary {
        return Ok(CheckpointLocation::Temporary);
    }
    Err(Error::invalid(
        "a query needs a checkpoint: give it the option checkpointLocation, or the session spark.sql.streaming.checkpointLocation",
    )
    .with_condition("CHECKPOINT_LOCATION_NOT_SPECIFIED"))
}

/// A query's name as the name of a folder.
///
/// # Errors
///
/// `Invalid`, if it would lead out of the folder it stands in.
pub(super) fn file_name(name: &str) -> Result<String> {
    let leads_away =
        name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\', '\0']);
    if leads_away {
        return Err(Error::invalid(format!(
            "a name that is a folder's cannot hold slashes. name=`{name}`"
        )));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn the_option_wins_over_the_session_and_the_session_over_a_temporary_folder() {
        let directory = |path: &str| CheckpointLocation::Directory(PathBuf::from(path));
        let mut settings = Settings::default();
        let temporary = resolve(None, Some("q"), &settings, true).unwrap();
        assert_eq!(temporary, CheckpointLocation::Temporary);
        settings.checkpoint_root = Some(PathBuf::from("/checkpoints"));
        let of_session = resolve(None, Some("q"), &settings, true).unwrap();
        assert_eq!(of_session, directory("/checkpoints/q"));
        let given = resolve(Some(Path::new("/here")), Some("q"), &settings, true).unwrap();
        assert_eq!(given, directory("/here"));
    }

    #[test]
    fn a_sink_that_stays_needs_a_checkpoint_that_stays() {
        let error = resolve(None, None, &Settings::default(), false).unwrap_err();
        assert!(error.message().contains("checkpointLocation"), "{error}");
    }

    #[test]
    fn a_name_does_not_lead_out_of_its_folder() {
        let settings = Settings {
            checkpoint_root: Some(PathBuf::from("/checkpoints")),
            ..Settings::default()
        };
        for name in ["../q", "a/b", "..", ""] {
            assert!(
                resolve(None, Some(name), &settings, false).is_err(),
                "{name}"
            );
        }
    }
}
