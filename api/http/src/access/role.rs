//! Roles, and what each may do.

use std::fmt;

/// Something a caller may have the right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Right {
    /// Send messages of the hospital interface for its institution.
    Send,
    /// See what was decided about a person, and why.
    ReadCases,
    /// See totals and the state of the server.
    ReadTotals,
    /// Ask the books with SQL.
    Inspect,
    /// Put rules in force.
    PublishRules,
    /// Settle paper claims, and decide those of others.
    Settle,
    /// Read the audit log.
    ReadAudit,
    /// Make and close accounts and keys.
    ManageAccess,
}

impl Right {
    /// As refusals name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::ReadCases => "read-cases",
            Self::ReadTotals => "read-totals",
            Self::Inspect => "inspect",
            Self::PublishRules => "publish-rules",
            Self::Settle => "settle",
            Self::ReadAudit => "read-audit",
            Self::ManageAccess => "manage-access",
        }
    }
}

/// What a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// A hospital's system: keys only.
    His,
    /// 经办: paper claims, corrections, statements.
    Clerk,
    /// 审核: findings and cases.
    Reviewer,
    /// 稽核: questions to the books.
    Inspector,
    /// 监管: rules.
    Supervisor,
    /// 安全审计员: reads the audit log, changes nothing.
    Auditor,
    /// 系统管理员: runs the system, sees no cases.
    Administrator,
    /// 安全管理员: accounts, roles, keys.
    Security,
}

/// Administration, security and audit (三员): no account holds two of them.
const APART: [Role; 3] = [Role::Administrator, Role::Security, Role::Auditor];

/// Why roles do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoleError {
    /// No such role.
    #[error("no role `{0}`; one of {1}")]
    Unknown(String, String),
    /// None was given.
    #[error("at least one role is needed")]
    None,
    /// Two of administration, security and audit.
    #[error("`{0}` and `{1}` may not be held by one account: administration, security and audit watch each other")]
    Together(Role, Role),
    /// A hospital's system has a key, not an account.
    #[error("`his` is for keys of institutions, not for accounts")]
    HisAccount,
    /// A key may not hold what persons answer for.
    #[error("`{0}` is for accounts: a key has no password, and nobody answers for it")]
    AccountOnly(Role),
    /// A hospital's key without a hospital, or something else with it.
    #[error("`his` stands alone and needs --institution")]
    HisKey,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::His,
        Self::Clerk,
        Self::Reviewer,
        Self::Inspector,
        Self::Supervisor,
        Self::Auditor,
        Self::Administrator,
        Self::Security,
    ];

    /// As it is stored and typed.
    pub fn word(self) -> &'static str {
        match self {
            Self::His => "his",
            Self::Clerk => "clerk",
            Self::Reviewer => "reviewer",
            Self::Inspector => "inspector",
            Self::Supervisor => "supervisor",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
            Self::Security => "security",
        }
    }

    /// By its word.
    pub fn parse(word: &str) -> Result<Self, RoleError> {
        let known = || Self::ALL.map(Self::word).join(", ");
        Self::ALL.into_iter().find(|r| r.word() == word).ok_or_else(|| RoleError::Unknown(word.to_owned(), known()))
    }

    fn rights(self) -> &'static [Right] {
        use Right::*;
        match self {
            Self::His => &[Send],
            Self::Clerk => &[ReadCases, ReadTotals, Settle],
            Self::Reviewer => &[ReadCases, ReadTotals],
            Self::Inspector => &[ReadCases, ReadTotals, Inspect],
            Self::Supervisor => &[ReadCases, ReadTotals, PublishRules],
            Self::Auditor => &[ReadAudit],
            Self::Administrator => &[ReadTotals],
            Self::Security => &[ManageAccess],
        }
    }

    /// Whether it has a right.
    pub fn may(self, right: Right) -> bool {
        self.rights().contains(&right)
    }

    /// The roles of an account, each once.
    pub fn for_account(words: &[String]) -> Result<Vec<Self>, RoleError> {
        let roles = Self::set(words)?;
        if roles.contains(&Self::His) {
            return Err(RoleError::HisAccount);
        }
        let mut apart = roles.iter().copied().filter(|r| APART.contains(r));
        match (apart.next(), apart.next()) {
            (Some(a), Some(b)) => Err(RoleError::Together(a, b)),
            _ => Ok(roles),
        }
    }

    /// The roles of a key, each once.
    pub fn for_key(words: &[String], institution: &str) -> Result<Vec<Self>, RoleError> {
        let roles = Self::set(words)?;
        if let Some(r) = roles.iter().find(|r| APART.contains(r) || **r == Self::Clerk) {
            return Err(RoleError::AccountOnly(*r));
        }
        let his = roles.contains(&Self::His);
        if his == institution.is_empty() || (his && roles.len() > 1) {
            return Err(RoleError::HisKey);
        }
        Ok(roles)
    }

    fn set(words: &[String]) -> Result<Vec<Self>, RoleError> {
        let mut roles = words.iter().map(|w| Self::parse(w)).collect::<Result<Vec<_>, _>>()?;
        roles.sort();
        roles.dedup();
        if roles.is_empty() { Err(RoleError::None) } else { Ok(roles) }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn administration_security_and_audit_are_apart() {
        for (a, b) in [("administrator", "security"), ("security", "auditor"), ("auditor", "administrator")] {
            let refused = Role::for_account(&words(&[a, "clerk", b])).unwrap_err();
            assert!(matches!(refused, RoleError::Together(..)), "{a} {b}: {refused}");
        }
        assert_eq!(Role::for_account(&words(&["clerk", "auditor", "clerk"])).unwrap(), [Role::Clerk, Role::Auditor]);
        assert_eq!(Role::for_account(&words(&["his"])), Err(RoleError::HisAccount));
        assert_eq!(Role::for_account(&[]), Err(RoleError::None));
        assert!(matches!(Role::for_account(&words(&["root"])), Err(RoleError::Unknown(..))));
    }

    #[test]
    fn keys_speak_for_a_hospital_or_for_a_program() {
        assert_eq!(Role::for_key(&words(&["his"]), "H1").unwrap(), [Role::His]);
        assert_eq!(Role::for_key(&words(&["his"]), ""), Err(RoleError::HisKey));
        assert_eq!(Role::for_key(&words(&["his", "inspector"]), "H1"), Err(RoleError::HisKey));
        assert_eq!(Role::for_key(&words(&["inspector"]), "H1"), Err(RoleError::HisKey));
        assert_eq!(Role::for_key(&words(&["inspector"]), "").unwrap(), [Role::Inspector]);
        assert_eq!(Role::for_key(&words(&["security"]), ""), Err(RoleError::AccountOnly(Role::Security)));
        assert_eq!(Role::for_key(&words(&["clerk"]), ""), Err(RoleError::AccountOnly(Role::Clerk)));
    }

    #[test]
    fn who_watches_does_not_act_and_who_runs_the_system_sees_no_cases() {
        for r in [Right::Send, Right::ReadCases, Right::Inspect, Right::Settle, Right::PublishRules] {
            for role in APART {
                assert!(!role.may(r), "{role} may {}", r.word());
            }
        }
        for role in Role::ALL {
            assert_eq!(role.may(Right::ReadAudit), role == Role::Auditor, "{role}");
            assert_eq!(role.may(Right::ManageAccess), role == Role::Security, "{role}");
            assert_eq!(Role::parse(role.word()), Ok(role));
        }
    }
}
