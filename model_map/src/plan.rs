//! Which links a request may be sent to, in which order.
//!
//! A pure function of the map and the request; the router and the offline tools call the same one.

use std::fmt;

use crate::map::{Model, ModelMap, Role};

/// The way of one request through the map.
#[derive(Debug, Clone)]
pub struct Plan<'m> {
    /// The links in the order in which they are tried; at least one.
    pub chain: Vec<PlannedLink<'m>>,
    /// The role that was asked for.
    pub role: &'m Role,
    /// The role's name.
    pub role_name: &'m str,
    /// Where the deciding rule was written, `routes/backend.sfr:38`; empty when the map has no
    /// sources.
    pub rule: &'m str,
}

/// A link with its model looked up.
#[derive(Debug, Clone, Copy)]
pub struct PlannedLink<'m> {
    /// `provider/model-id`.
    pub key: &'m str,
    /// The model's facts.
    pub model: &'m Model,
}

/// No role has the name that the request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRole;

impl fmt::Display for UnknownRole {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("no such role")
    }
}

impl std::error::Error for UnknownRole {}

/// Plans a request for `role`.
///
/// # Errors
/// When the map has no such role.
pub fn plan<'m>(map: &'m ModelMap, role: &str) -> Result<Plan<'m>, UnknownRole> {
    let (role_name, role) = map.roles.get_key_value(role).ok_or(UnknownRole)?;
    let arm = role.arms.first().ok_or(UnknownRole)?;
    let planned = |key: &'m str| map.models.get(key).map(|model| PlannedLink { key, model });
    let chain: Vec<_> = arm.chain.iter().filter_map(|link| planned(&link.model)).collect();
    let places = map.sources.arms.get(role_name);
    let rule = places.and_then(|places| places.first()).map_or("", String::as_str);
    Ok(Plan { chain, role, role_name, rule })
}
