//! 9001 签到, 9002 签退: an operator begins and ends a session.

use super::call::{Call, Ran};
use super::fields::{Field, Table, may, must, text, want};
use super::value::{self, moment, object};
use crate::desk::{Desk, SignIn};

pub(crate) static TABLES: &[&Table] = &[&SIGN_IN, &SIGN_OUT];
static SIGN_IN: Table = Table::one("signIn", IN);
static SIGN_OUT: Table = Table::one("signOut", OUT);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    if call.route.base == "9001" {
        let operator = call.read(|reader, input| reader.one(input, &SIGN_IN).text("opter_no"))?;
        if call.by.operator.is_empty() {
            call.by.operator = operator;
        }
        let render = |s: &SignIn| {
            object([(
                "signinoutb",
                object([("sign_time", moment(Some(s.time))), ("sign_no", value::text(s.no.as_str()))]),
            )])
        };
        return Ok(desk.sign_in(&call.by, Box::new(render)).await?);
    }
    let sign_no = call.read(|reader, input| reader.one(input, &SIGN_OUT).text("sign_no"))?;
    // the table names the node after its only field; other clients look below signinoutb
    let render = |s: &SignIn| {
        let time = moment(Some(s.time));
        object([("sign_time", time.clone()), ("signinoutb", object([("sign_time", time)]))])
    };
    Ok(desk.sign_out(&call.by, &sign_no, Box::new(render)).await?)
}

const IN: &[Field] = &[
    must("opter_no", "操作员编号", text(30)),
    want("mac", "签到MAC地址", text(64)),
    want("ip", "签到IP地址", text(64)),
    may("opter_name", "操作员姓名", text(50)),
];
const OUT: &[Field] = &[must("sign_no", "签到编号", text(64)), want("opter_no", "操作员编号", text(30))];
