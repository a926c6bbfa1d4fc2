//! The split of one line into own pay, above limit, advance self-pay and in scope (interface.md §3.3).

use crate::claim::Approval;
use crate::codes::ItemClass;
use crate::decision::{LineSplit, SplitReason};
use crate::facts::LineFact;
use crate::money::{Money, Price, Quantity, Rate};
use crate::policy::{Bearer, Split, SplitOrder};
use crate::resolve::{approved, own_pay};

/// The parts of an amount.
#[derive(Clone, Copy, Default)]
struct Cut {
    ownpay: Money,
    overlimit: Money,
    preselfpay: Money,
    in_scope: Money,
    extra: Money,
}

impl Cut {
    fn minus(self, o: Self) -> Self {
        Self {
            ownpay: self.ownpay - o.ownpay,
            overlimit: self.overlimit - o.overlimit,
            preselfpay: self.preselfpay - o.preselfpay,
            in_scope: self.in_scope - o.in_scope,
            extra: self.extra - o.extra,
        }
    }
}

/// How one item is cut, whatever the quantity.
struct How<'a> {
    all_own: bool,
    room: Option<Quantity>,
    price: Price,
    limit: Option<Price>,
    ratio: Rate,
    extra: Rate,
    policy: &'a Split,
}

impl How<'_> {
    fn cut(&self, quantity: Quantity, amount: Money) -> Cut {
        let mut c = Cut::default();
        if self.all_own {
            c.ownpay = amount;
            return c;
        }
        // units above the item's cap are the person's, by their share of the amount
        let payable = self.room.map_or(quantity, |room| room.min(quantity));
        let excess = quantity - payable;
        if !excess.is_zero() {
            c.ownpay = amount.share(Money::fen(excess.units()), Money::fen(quantity.units()));
        }
        let amount = amount - c.ownpay;
        let above = |of: Money, limit: Price| (of - limit.times(payable)).at_least_zero().min(of.at_least_zero());
        match self.policy.order {
            SplitOrder::LimitFirst => {
                // an amount that is a fen off price × quantity is not above a limit that the price keeps
                let limit = self.limit.filter(|limit| self.price > *limit);
                c.overlimit = limit.map_or(Money::ZERO, |limit| above(amount, limit));
                let rest = amount - c.overlimit;
                c.preselfpay = rest.times(self.ratio);
                c.in_scope = rest - c.preselfpay;
            }
            SplitOrder::RatioFirst => {
                c.preselfpay = amount.times(self.ratio);
                let rest = amount - c.preselfpay;
                c.overlimit = self.limit.map_or(Money::ZERO, |limit| above(rest, limit));
                c.in_scope = rest - c.overlimit;
            }
        }
        c.extra = c.in_scope.times(self.extra);
        c.in_scope -= c.extra;
        c.preselfpay += c.extra;
        c
    }
}

/// Splits a line; beside it, how much of its advance self-pay is the policy's extra.
///
/// A refund is split as the difference between what was left of its original before and after it,
/// so that an original and all its refunds together have exactly the split of what remains.
pub(super) fn split(fact: &LineFact, policy: &Split, extra: Rate) -> (LineSplit, Money) {
    let line = &fact.line;
    let class = fact.item.as_ref().map_or(ItemClass::C, |i| i.class);
    let restricted = fact.item.as_ref().is_some_and(|i| i.restricted);
    let approved = approved(restricted, line.approval);
    let how = How {
        all_own: own_pay(fact.item.as_deref(), line.approval),
        room: fact.room,
        price: line.price,
        limit: fact.limit,
        // class A has no advance self-pay, whatever a ratio row may say
        ratio: if class == ItemClass::B { fact.self_pay } else { Rate::ZERO },
        extra,
        policy,
    };
    let before = fact.left_before.map_or(line.quantity, |(quantity, _)| quantity);
    let cut = match fact.left_before {
        None => how.cut(line.quantity, fact.amount),
        Some((quantity, amount)) => {
            let after = how.cut(quantity + line.quantity, amount + fact.amount);
            after.minus(how.cut(quantity, amount))
        }
    };
    let reason = if fact.item.is_none() {
        Some(SplitReason::Unlisted)
    } else if !approved && line.approval == Approval::Refused {
        Some(SplitReason::Refused)
    } else if !approved && class != ItemClass::C {
        Some(SplitReason::NotApproved)
    } else if !how.all_own && fact.room.is_some_and(|room| room < before) {
        Some(SplitReason::AboveCap)
    } else {
        None
    };
    // the row of the limit price may say who bears what is above it
    let bears = policy.overlimit_ways.get(&fact.over_way).copied().unwrap_or(policy.overlimit_borne_by);
    let split = LineSplit {
        no: line.no.clone(),
        amount: fact.amount,
        ownpay: cut.ownpay,
        overlimit: cut.overlimit,
        preselfpay: cut.preselfpay,
        in_scope: cut.in_scope,
        hospital: if bears == Bearer::Hospital { cut.overlimit } else { Money::ZERO },
        class,
        self_pay: if how.all_own { Rate::ONE } else { how.ratio },
        limit: fact.limit,
        reason,
    };
    (split, cut.extra)
}
