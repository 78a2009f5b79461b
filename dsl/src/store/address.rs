//! How a store is named: a folder, or a bucket of S3 with what stands before its keys.
//!
//! Owns the spelling; which of several names counts is for the commands.

use std::fmt;
use std::path::{Path, PathBuf};

use super::folder::Folder;
use super::{Store, Trouble};

/// A named store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A folder; it need not be there.
    Folder(PathBuf),
    /// A bucket of S3 or of a server that speaks its protocol.
    S3 {
        /// Its name.
        bucket: String,
        /// What keys start with: empty, or ended by `/`.
        prefix: String,
    },
}

impl Address {
    /// Reads `s3://BUCKET[/PREFIX]`, `file:///PATH` or a path, which is relative to `folder`.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("s3://") {
            return of_bucket(text, rest);
        }
        if let Some(rest) = text.strip_prefix("file://") {
            return of_file(text, rest);
        }
        if text.contains("://") {
            return Err(format!(
                "`{text}` is no target: write s3://BUCKET, s3://BUCKET/PREFIX, file:///PATH or a \
                 path"
            ));
        }
        if text.is_empty() {
            return Err("a target cannot be empty".into());
        }
        Ok(Self::Folder(folder.join(text)))
    }

    /// The store of that name; a folder is not made before something is written.
    ///
    /// # Errors
    /// When there are no credentials or settings for S3, or this binary was built without it.
    pub fn open(&self) -> Result<Box<dyn Store>, Trouble> {
        match self {
            Self::Folder(path) => Ok(Box::new(Folder::new(path.clone()))),
            #[cfg(feature = "s3")]
            Self::S3 { bucket, prefix } => Ok(Box::new(super::s3::S3::open(bucket, prefix)?)),
            #[cfg(not(feature = "s3"))]
            Self::S3 { .. } => Err(Trouble::new(
                format!("{self}: this sfai-dsl was built without S3"),
                "install it with its default features: cargo install --locked --path dsl",
            )),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(to, "{}", path.display()),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(to, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => {
                write!(to, "s3://{bucket}/{}", prefix.trim_end_matches('/'))
            }
        }
    }
}

fn of_bucket(text: &str, rest: &str) -> Result<Address, String> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_of_a_name = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit();
    let is_a_name = (3..=63).contains(&bucket.len())
        && bucket.chars().all(|it| is_of_a_name(it) || it == '-' || it == '.')
        && bucket.starts_with(is_of_a_name)
        && bucket.ends_with(is_of_a_name);
    if !is_a_name {
        return Err(format!(
            "`{text}`: `{bucket}` is not the name of a bucket: 3 to 63 lower-case letters, digits, \
             `-` and `.`"
        ));
    }
    let parts: Vec<_> = prefix.split('/').filter(|part| !part.is_empty()).collect();
    let prefix = parts.iter().map(|part| format!("{part}/")).collect();
    Ok(Address::S3 { bucket: bucket.to_owned(), prefix })
}

fn of_file(text: &str, rest: &str) -> Result<Address, String> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') || path.len() == 1 {
        return Err(format!("`{text}`: a file URL has three slashes and a path: file:///srv/maps"));
    }
    let path = percent_decoded(path)
        .ok_or_else(|| format!("`{text}`: its percent signs do not stand for UTF-8"))?;
    // `/C:/maps` is `C:/maps` where there are drives.
    let path = match path.strip_prefix('/') {
        Some(drive) if cfg!(windows) && drive.get(1..2) == Some(":") => drive.to_owned(),
        _ => path,
    };
    Ok(Address::Folder(PathBuf::from(path)))
}

/// `%20` is a blank; none where `%` is followed by anything but two hex digits.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let value = |digit: u8| char::from(digit).to_digit(16);
                let [high, low] = digits.map(value);
                u8::try_from(high? * 16 + low?).ok()?
            }
            other => other,
        };
        bytes.push(decoded);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Address, String> {
        Address::parse(text, Path::new("/p"))
    }

    fn folder(path: &str) -> Result<Address, String> {
        Ok(Address::Folder(path.into()))
    }

    fn s3(bucket: &str, prefix: &str) -> Result<Address, String> {
        Ok(Address::S3 { bucket: bucket.into(), prefix: prefix.into() })
    }

    #[test]
    fn folders_and_buckets_are_read() {
        assert_eq!(read("maps"), folder("/p/maps"));
        assert_eq!(read("/srv/maps"), folder("/srv/maps"));
        assert_eq!(read("file:///srv/my%20maps"), folder("/srv/my maps"));
        assert_eq!(read("file://localhost/srv"), folder("/srv"));
        assert_eq!(read("s3://sfai-dev"), s3("sfai-dev", ""));
        assert_eq!(read("s3://sfai-dev/"), s3("sfai-dev", ""));
        assert_eq!(read("s3://sfai.dev/team//a/"), s3("sfai.dev", "team/a/"));
        assert_eq!(read("s3://sfai-dev/team/a").unwrap().to_string(), "s3://sfai-dev/team/a");
    }

    #[test]
    fn what_is_no_target_is_told() {
        for (text, part) in [
            ("", "cannot be empty"),
            ("gs://bucket", "is no target"),
            ("https://bucket.s3.amazonaws.com", "is no target"),
            ("s3://", "is not the name of a bucket"),
            ("s3://My_Bucket", "`My_Bucket` is not the name of a bucket"),
            ("s3://-ab", "is not the name of a bucket"),
            ("file://srv/maps", "three slashes"),
            ("file:///", "three slashes"),
            ("file:///a%2", "percent signs"),
            ("file:///a%ff", "percent signs"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
