//! Scripts as native code: the statements of a script become closures when the library is compiled.
//!
//! The interpreter is the reference. A closure does what the interpreter would do with the same values and
//! calls the same native functions; whatever it is not made for (an error above all) it *leaves*, and the
//! interpreter runs the script from the start. So an error reads the same wherever it came up, and closures
//! can be wrong only where they answer, which tests hold against the interpreter on every rule's cases
//! and on random facts (`tests/closures.rs`). A script with a construct that is not translated is
//! interpreted always.

mod calls;
mod operators;

pub(crate) use calls::Functions;

use calls::Callable;
use operators::{Operator, truth};
use rhai::{ASTFlags, Dynamic, Engine, Expr, FnCallExpr, GlobalRuntimeState, Identifier, Map, Stmt, StmtBlock};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Steps a run may take before it is left to the interpreter, which counts operations.
const MAX_STEPS: u64 = 200_000;

/// Why a closure stops.
pub(crate) enum Halt {
    /// `return`.
    Return,
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// The interpreter is to run the script instead.
    Leave,
}

type Outcome = Result<Dynamic, Halt>;
type Code = Box<dyn Fn(&mut Frame<'_>) -> Outcome + Send + Sync>;

/// The variables of a run, and what calls need.
pub(crate) struct Frame<'r> {
    pub vars: Vec<Dynamic>,
    pub engine: &'r Engine,
    pub global: &'r GlobalRuntimeState,
    steps: u64,
}

impl Frame<'_> {
    fn step(&mut self) -> Result<(), Halt> {
        self.steps += 1;
        if self.steps > MAX_STEPS { Err(Halt::Leave) } else { Ok(()) }
    }
}

/// A translated script.
pub(crate) struct Closures {
    body: Code,
    slots: usize,
}

impl Closures {
    /// Runs with the given first variables (`claim`, `person`, `history`, `line`). Answers the steps taken;
    /// nothing where the interpreter has to run.
    pub fn run(&self, vars: &mut Vec<Dynamic>, engine: &Engine, global: &GlobalRuntimeState) -> Option<u64> {
        let given = vars.len();
        vars.resize(self.slots.max(given), Dynamic::UNIT);
        let mut frame = Frame { vars: std::mem::take(vars), engine, global, steps: 0 };
        let outcome = (self.body)(&mut frame);
        let steps = frame.steps;
        *vars = frame.vars;
        vars.truncate(given);
        match outcome {
            Ok(_) | Err(Halt::Return) => Some(steps),
            Err(_) => None,
        }
    }
}

/// Translates a script's statements; nothing where it holds what is not translated. `variables` are those the
/// caller gives, in order.
pub(crate) fn translate(body: &StmtBlock, variables: &[&str], functions: &Functions) -> Option<Closures> {
    let names = variables.iter().map(|v| ((*v).to_owned(), true)).collect();
    let mut t = Translator { functions, names, slots: variables.len() };
    let body = t.block(body)?;
    Some(Closures { body, slots: t.slots })
}

/// Where the object of a property or method comes from.
enum Object {
    Slot(usize),
    Code(Code),
}

struct Translator<'f> {
    functions: &'f Functions,
    /// Variables in sight, each with whether it is a constant; the place of each is its slot.
    names: Vec<(String, bool)>,
    slots: usize,
}

impl Translator<'_> {
    fn declare(&mut self, name: &str, constant: bool) -> usize {
        self.names.push((name.to_owned(), constant));
        self.slots = self.slots.max(self.names.len());
        self.names.len() - 1
    }

    fn slot(&self, name: &str) -> Option<usize> {
        self.names.iter().rposition(|(n, _)| n == name)
    }

    /// The slot of a variable that may change. To assign to a constant is an error, which is the interpreter's
    /// to report.
    fn variable(&self, name: &str) -> Option<usize> {
        self.slot(name).filter(|slot| self.names.get(*slot).is_some_and(|(_, constant)| !constant))
    }

    /// A block has the value of its last statement; its variables end with it.
    fn block(&mut self, block: &StmtBlock) -> Option<Code> {
        let outer = self.names.len();
        let code: Option<Vec<Code>> = block.iter().map(|s| self.statement(s)).collect();
        self.names.truncate(outer);
        let code = code?;
        Some(Box::new(move |f| {
            let mut last = Dynamic::UNIT;
            for statement in &code {
                last = statement(f)?;
            }
            Ok(last)
        }))
    }

    fn statement(&mut self, s: &Stmt) -> Option<Code> {
        Some(match s {
            Stmt::Noop(..) => Box::new(|_| Ok(Dynamic::UNIT)),
            Stmt::Expr(e) => self.expression(e)?,
            Stmt::FnCall(call, ..) => self.call(call)?,
            Stmt::Block(b) => self.block(b)?,
            Stmt::If(x, ..) => {
                let (condition, then, other) =
                    (self.expression(&x.expr)?, self.block(&x.body)?, self.block(&x.branch)?);
                Box::new(move |f| if truth(&condition(f)?)? { then(f) } else { other(f) })
            }
            Stmt::Var(x, flags, ..) if *flags == ASTFlags::empty() || *flags == ASTFlags::CONSTANT => {
                let value = self.expression(&x.1)?;
                let slot = self.declare(&x.0.name, flags.intersects(ASTFlags::CONSTANT));
                Box::new(move |f| {
                    let value = value(f)?;
                    put(f, slot, value)?;
                    Ok(Dynamic::UNIT)
                })
            }
            Stmt::Assignment(x) if matches!(&x.1.lhs, Expr::Dot(..)) => {
                let Expr::Dot(place, flags, ..) = &x.1.lhs else { return None };
                let (Expr::Variable(v, ..), Expr::Property(p, ..)) = (&place.lhs, &place.rhs) else { return None };
                if flags.intersects(ASTFlags::NEGATED) || x.0.is_op_assignment() {
                    return None;
                }
                let slot = self.variable(&v.1)?;
                let key: Identifier = p.2.as_str().into();
                let value = self.expression(&x.1.rhs)?;
                Box::new(move |f| {
                    let value = value(f)?;
                    let map = f.vars.get_mut(slot).ok_or(Halt::Leave)?;
                    map.write_lock::<Map>().ok_or(Halt::Leave)?.insert(key.clone(), value);
                    Ok(Dynamic::UNIT)
                })
            }
            Stmt::Assignment(x) => {
                let Expr::Variable(v, ..) = &x.1.lhs else { return None };
                let slot = self.variable(&v.1)?;
                let value = self.expression(&x.1.rhs)?;
                let operator = match x.0.get_op_assignment_info() {
                    None => None,
                    Some((.., syntax)) => Some(Operator::new(syntax, self.functions)?),
                };
                Box::new(move |f| {
                    let mut value = value(f)?;
                    if let Some(operator) = &operator {
                        let before = f.vars.get(slot).cloned().ok_or(Halt::Leave)?;
                        value = operator.apply(f, before, value)?;
                    }
                    put(f, slot, value)?;
                    Ok(Dynamic::UNIT)
                })
            }
            Stmt::For(x, ..) => {
                let (name, counter, flow) = &**x;
                let list = self.expression(&flow.expr)?;
                let outer = self.names.len();
                let count = counter.as_ref().map(|c| self.declare(&c.name, false));
                let item = self.declare(&name.name, false);
                let body = self.block(&flow.body);
                self.names.truncate(outer);
                let body = body?;
                let lists = self.functions.lists();
                Box::new(move |f| {
                    for (i, value) in (0i64..).zip(lists.items(list(f)?)?) {
                        f.step()?;
                        if let Some(slot) = count {
                            put(f, slot, Dynamic::from_int(i))?;
                        }
                        put(f, item, value)?;
                        match body(f) {
                            Ok(_) | Err(Halt::Continue) => {}
                            Err(Halt::Break) => break,
                            Err(halt) => return Err(halt),
                        }
                    }
                    Ok(Dynamic::UNIT)
                })
            }
            Stmt::BreakLoop(None, flags, ..) => {
                let leaves = flags.intersects(ASTFlags::BREAK);
                Box::new(move |_| Err(if leaves { Halt::Break } else { Halt::Continue }))
            }
            Stmt::Return(None, flags, ..) if !flags.intersects(ASTFlags::BREAK) => Box::new(|_| Err(Halt::Return)),
            _ => return None,
        })
    }

    fn expression(&mut self, e: &Expr) -> Option<Code> {
        if let Some(value) = constant(e) {
            return Some(Box::new(move |_| Ok(value.clone())));
        }
        Some(match e {
            Expr::Variable(v, ..) => {
                let slot = self.slot(&v.1)?;
                Box::new(move |f| f.vars.get(slot).cloned().ok_or(Halt::Leave))
            }
            Expr::Stmt(block) => self.block(block)?,
            Expr::And(parts, ..) => {
                let parts = self.expressions(parts)?;
                Box::new(move |f| {
                    for part in &parts {
                        if !truth(&part(f)?)? {
                            return Ok(false.into());
                        }
                    }
                    Ok(true.into())
                })
            }
            Expr::Or(parts, ..) => {
                let parts = self.expressions(parts)?;
                Box::new(move |f| {
                    for part in &parts {
                        if truth(&part(f)?)? {
                            return Ok(true.into());
                        }
                    }
                    Ok(false.into())
                })
            }
            Expr::Array(items, ..) => {
                let items = self.expressions(items)?;
                Box::new(move |f| {
                    let list = items.iter().map(|i| i(f)).collect::<Result<rhai::Array, Halt>>()?;
                    Ok(list.into())
                })
            }
            Expr::Map(m, ..) => {
                let entries = m.0.iter().map(|(k, e)| Some((k.name.as_str().into(), self.expression(e)?)));
                let entries: Vec<(Identifier, Code)> = entries.collect::<Option<_>>()?;
                Box::new(move |f| {
                    let values = entries.iter().map(|(k, e)| Ok((k.clone(), e(f)?)));
                    Ok(values.collect::<Result<Map, Halt>>()?.into())
                })
            }
            Expr::FnCall(call, ..) => self.call(call)?,
            Expr::Dot(x, flags, ..) if !flags.intersects(ASTFlags::NEGATED) => {
                let object = self.object(&x.lhs)?;
                self.dot(object, &x.rhs)?
            }
            Expr::Index(x, flags, ..) if !flags.intersects(ASTFlags::NEGATED) => {
                let object = self.object(&x.lhs)?;
                self.index(object, &x.rhs, *flags)?
            }
            _ => return None,
        })
    }

    fn expressions(&mut self, list: &[Expr]) -> Option<Vec<Code>> {
        list.iter().map(|e| self.expression(e)).collect()
    }

    fn object(&mut self, e: &Expr) -> Option<Object> {
        Some(match e {
            Expr::Variable(v, ..) => Object::Slot(self.slot(&v.1)?),
            other => Object::Code(self.expression(other)?),
        })
    }

    /// `object.rhs`, where the right side may be the beginning of a longer chain.
    fn dot(&mut self, object: Object, rhs: &Expr) -> Option<Code> {
        Some(match rhs {
            Expr::Property(p, ..) => {
                let getter = self.functions.getter(p.2.as_str())?;
                let key: Identifier = p.2.as_str().into();
                with(object, move |_, o| {
                    if let Some(map) = o.read_lock::<Map>() {
                        return map.get(key.as_str()).cloned().ok_or(Halt::Leave);
                    }
                    getter.get(o)
                })
            }
            Expr::MethodCall(call, ..) if call.args.is_empty() => {
                let method = self.functions.callable(&call.name, 1)?;
                with(object, move |f, o| method.method(f, o, &mut []))
            }
            Expr::MethodCall(call, ..) => {
                let method = self.functions.callable(&call.name, call.args.len() + 1)?;
                let args = self.expressions(&call.args)?;
                method_call(object, method, args)
            }
            Expr::Dot(x, flags, ..) if !flags.intersects(ASTFlags::NEGATED) => {
                let first = self.dot(object, &x.lhs)?;
                self.dot(Object::Code(first), &x.rhs)?
            }
            Expr::Index(x, flags, ..) if !flags.intersects(ASTFlags::NEGATED) => {
                let first = self.dot(object, &x.lhs)?;
                self.index(Object::Code(first), &x.rhs, *flags)?
            }
            _ => return None,
        })
    }

    /// `object[rhs]`, where the right side may be the beginning of a longer chain.
    fn index(&mut self, object: Object, rhs: &Expr, flags: ASTFlags) -> Option<Code> {
        let goes_on = !flags.intersects(ASTFlags::BREAK);
        match rhs {
            Expr::Dot(x, inner, ..) if goes_on && !inner.intersects(ASTFlags::NEGATED) => {
                let first = self.element(object, &x.lhs)?;
                self.dot(Object::Code(first), &x.rhs)
            }
            Expr::Index(x, inner, ..) if goes_on && !inner.intersects(ASTFlags::NEGATED) => {
                let first = self.element(object, &x.lhs)?;
                self.index(Object::Code(first), &x.rhs, *inner)
            }
            at => self.element(object, at),
        }
    }

    /// An element of an array, counted from either end.
    fn element(&mut self, object: Object, at: &Expr) -> Option<Code> {
        let at = self.expression(at)?;
        let pick = |list: &Dynamic, at: Dynamic| -> Outcome {
            let at = at.as_int().map_err(|_| Halt::Leave)?;
            let list = list.read_lock::<rhai::Array>().ok_or(Halt::Leave)?;
            let place = if at < 0 { list.len() as i64 + at } else { at };
            usize::try_from(place).ok().and_then(|p| list.get(p).cloned()).ok_or(Halt::Leave)
        };
        Some(match object {
            Object::Slot(slot) => Box::new(move |f| {
                let at = at(f)?;
                pick(f.vars.get(slot).ok_or(Halt::Leave)?, at)
            }),
            Object::Code(code) => Box::new(move |f| {
                let list = code(f)?;
                let at = at(f)?;
                pick(&list, at)
            }),
        })
    }

    fn call(&mut self, call: &FnCallExpr) -> Option<Code> {
        if call.capture_parent_scope || !call.namespace.is_empty() {
            return None;
        }
        let args = self.expressions(&call.args)?;
        if call.op_token.is_some() || call.is_operator_call() {
            let operator = Operator::new(&call.name, self.functions)?;
            let mut args = args.into_iter();
            return Some(match (args.next(), args.next(), args.next()) {
                (Some(a), Some(b), None) => Box::new(move |f| {
                    let (a, b) = (a(f)?, b(f)?);
                    operator.apply(f, a, b)
                }),
                (Some(a), None, None) => Box::new(move |f| operator.alone(a(f)?)),
                _ => return None,
            });
        }
        let function = self.functions.callable(&call.name, args.len())?;
        Some(evaluated(args, move |f, values| {
            f.step()?;
            function.call(f, values)
        }))
    }
}

/// A method may change a variable, which is there for the arguments as it was before.
fn method_call(object: Object, method: Arc<Callable>, args: Vec<Code>) -> Code {
    match object {
        Object::Slot(slot) => evaluated(args, move |f, values| {
            f.step()?;
            let mut of = std::mem::take(f.vars.get_mut(slot).ok_or(Halt::Leave)?);
            let outcome = method.method(f, &mut of, values);
            put(f, slot, of)?;
            outcome
        }),
        // the object comes before the arguments
        Object::Code(code) => {
            let args: Vec<Code> = std::iter::once(code).chain(args).collect();
            evaluated(args, move |f, values| {
                f.step()?;
                let (of, values) = values.split_first_mut().ok_or(Halt::Leave)?;
                method.method(f, of, values)
            })
        }
    }
}

/// Evaluates expressions in their order and does something with the values; without a list on the heap for the
/// usual few.
fn evaluated(
    mut codes: Vec<Code>,
    act: impl Fn(&mut Frame<'_>, &mut [Dynamic]) -> Outcome + Send + Sync + 'static,
) -> Code {
    match (codes.pop(), codes.pop(), codes.pop()) {
        (Some(a), None, None) => Box::new(move |f| {
            let a = a(f)?;
            act(f, &mut [a])
        }),
        (Some(b), Some(a), None) => Box::new(move |f| {
            let (a, b) = (a(f)?, b(f)?);
            act(f, &mut [a, b])
        }),
        (Some(c), Some(b), Some(a)) if codes.is_empty() => Box::new(move |f| {
            let (a, b, c) = (a(f)?, b(f)?, c(f)?);
            act(f, &mut [a, b, c])
        }),
        (last, before, first) => {
            codes.extend([first, before, last].into_iter().flatten());
            Box::new(move |f| {
                let mut values = codes.iter().map(|c| c(f)).collect::<Result<Vec<_>, _>>()?;
                act(f, &mut values)
            })
        }
    }
}

/// Does something with an object: in place where it is a variable.
fn with(object: Object, act: impl Fn(&mut Frame<'_>, &mut Dynamic) -> Outcome + Send + Sync + 'static) -> Code {
    match object {
        Object::Slot(slot) => Box::new(move |f| {
            f.step()?;
            let place = f.vars.get_mut(slot).ok_or(Halt::Leave)?;
            let mut of = std::mem::take(place);
            let outcome = act(f, &mut of);
            put(f, slot, of)?;
            outcome
        }),
        Object::Code(code) => Box::new(move |f| {
            f.step()?;
            let mut of = code(f)?;
            act(f, &mut of)
        }),
    }
}

fn put(f: &mut Frame<'_>, slot: usize, value: Dynamic) -> Result<(), Halt> {
    *f.vars.get_mut(slot).ok_or(Halt::Leave)? = value;
    Ok(())
}

fn constant(e: &Expr) -> Option<Dynamic> {
    Some(match e {
        Expr::DynamicConstant(d, ..) => (**d).clone(),
        Expr::BoolConstant(b, ..) => (*b).into(),
        Expr::IntegerConstant(n, ..) => Dynamic::from_int(*n),
        Expr::StringConstant(s, ..) => s.clone().into(),
        Expr::Unit(..) => Dynamic::UNIT,
        _ => return None,
    })
}

/// Which functions there are, by name and number of arguments.
type ByName<T> = BTreeMap<(String, usize), Vec<T>>;
