//! The Rhai host: what a script may use, how much of it, and how it is run.
//!
//! A script is a list of statements over `claim`, `line` (in rules of scope `line`), `person`,
//! `history` and `param.…`. It cannot define functions, load modules, catch errors, print, read a
//! clock or a file; what it may call is the list in [`STANDARD`] and what `facts`, `values` and
//! `natives` register. A name outside of these is an error when the library is compiled, not when
//! the first claim meets it.

use crate::closures::{Closures, Functions, translate};
use crate::exemption::Exemption;
use crate::facts::{Claim, History, Line, Person, View};
use crate::library::RuleProblem;
use crate::lint::lint;
use crate::param::Param;
use dingan_core::finding::{Part, Related};
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicStringPackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{
    AST, ASTNode, Caches, Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression, FuncRegistration,
    GlobalRuntimeState, Map, NativeCallContext, Position, RhaiNativeFunc, Scope, Stmt, StmtBlock,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a native function answers.
pub(crate) type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// An error a script ends with.
pub(crate) fn fail(message: impl Into<String>) -> Box<EvalAltResult> {
    message.into().into()
}

/// Operations of one run of a script.
const MAX_OPERATIONS: u64 = 1_000_000;
/// Depth of expressions; scripts have no calls of their own.
const MAX_DEPTH: usize = 64;
const MAX_VARIABLES: usize = 64;
const MAX_STRING: usize = 16 * 1024;
/// Entries of an array or map. Lines, visits and the like are lists of our own and not meant here.
const MAX_LIST: usize = 4 * 1024;

/// The functions of Rhai's own packages that scripts may call.
const STANDARD: [&str; 24] = [
    "abs",
    "all",
    "contains",
    "ends_with",
    "get",
    "index_of",
    "insert",
    "is_empty",
    "keys",
    "len",
    "max",
    "min",
    "push",
    "remove",
    "reverse",
    "sort",
    "split",
    "starts_with",
    "sub_string",
    "to_lower",
    "to_string",
    "to_upper",
    "trim",
    "values",
];

/// Words of the language that are switched off: what leads out of the script, and what would let it
/// hide an error.
const DISABLED: [&str; 10] = ["eval", "import", "export", "print", "debug", "try", "catch", "Fn", "call", "curry"];

/// What a script raised, before the finding is made of it.
pub(crate) struct RawHit {
    /// Net lines and the units at stake; empty for the whole claim.
    pub lines: Vec<(u32, Option<Part>)>,
    pub related: Vec<Related>,
    pub period: String,
    pub evidence: BTreeMap<String, String>,
    pub text: String,
}

/// The state of the rule that is running.
#[derive(Default)]
pub(crate) struct Run {
    /// Days of history the rule has declared.
    pub window_days: u32,
    /// The message template.
    pub message: Arc<str>,
    /// The net lines its selector let through; for rules without a line part, all of them.
    pub selected: Arc<[u32]>,
    /// The line it looks at, for rules of scope `line`.
    pub line: Option<u32>,
    pub hits: Vec<RawHit>,
    pub undecided: BTreeSet<String>,
    /// The exemptions the rule honours, and those that were used.
    pub exempt: Arc<[Exemption]>,
    pub exempted: BTreeSet<String>,
    /// Whether somebody asks why: then native functions note how near they came.
    pub tracing: bool,
    pub notes: Vec<(String, String, String)>,
}

/// Registers functions and remembers their names for the check of scripts.
pub(crate) struct Registry<'e> {
    engine: &'e mut Engine,
    names: Names,
    functions: Functions,
}

/// What scripts may name.
#[derive(Default)]
struct Names {
    functions: BTreeSet<&'static str>,
    properties: BTreeSet<&'static str>,
    /// Keys of the evidence that native functions give.
    evidence: BTreeSet<&'static str>,
}

impl Registry<'_> {
    /// The name of a type in error messages.
    pub fn named<T: rhai::Variant + Clone>(&mut self, name: &str) {
        self.engine.register_type_with_name::<T>(name);
    }
    /// A function, or a method by its first argument.
    pub fn fun<A: 'static, const N: usize, const X: bool, R: rhai::Variant + Clone, const F: bool, G>(
        &mut self,
        name: &'static str,
        f: G,
    ) where
        G: RhaiNativeFunc<A, N, X, R, F> + Clone + Send + Sync + 'static,
    {
        self.names.functions.insert(name);
        self.op(name, f);
    }
    /// An operator.
    pub fn op<A: 'static, const N: usize, const X: bool, R: rhai::Variant + Clone, const F: bool, G>(
        &mut self,
        name: &'static str,
        f: G,
    ) where
        G: RhaiNativeFunc<A, N, X, R, F> + Clone + Send + Sync + 'static,
    {
        self.functions.add(name, &G::param_types(), f.clone().into_rhai_function(true, false));
        self.engine.register_fn(name, f);
    }
    /// A property.
    pub fn get<A: 'static, const X: bool, R: rhai::Variant + Clone, const F: bool, G>(
        &mut self,
        name: &'static str,
        f: G,
    ) where
        G: RhaiNativeFunc<A, 1, X, R, F> + Clone + Send + Sync + 'static,
    {
        self.names.properties.insert(name);
        self.functions.add_getter(name, &G::param_types(), f.clone().into_rhai_function(true, false));
        FuncRegistration::new_getter(name).register_into_engine(self.engine, f);
    }
    /// A list that `for` walks over.
    pub fn list<T>(&mut self)
    where
        T: rhai::Variant + Clone + IntoIterator,
        <T as IntoIterator>::Item: rhai::Variant + Clone,
    {
        self.functions.add_list::<T>();
        self.engine.register_iterator::<T>();
    }
    /// Keys of evidence that native functions give.
    pub fn evidence(&mut self, names: &[&'static str]) {
        self.names.evidence.extend(names);
    }
}

/// A script ready to run.
pub(crate) struct Script {
    body: Expr,
    /// The same as native code, where all of it could be translated.
    closures: Option<Closures>,
    /// The names evidence may have.
    pub evidence: BTreeSet<String>,
}

impl Script {
    /// Whether it runs as closures.
    pub fn translated(&self) -> bool {
        self.closures.is_some()
    }
}

/// A script to be walked over by [`crate::trace`]: as written, with parameters looked up instead of folded in.
pub(crate) struct Traced {
    pub body: Vec<Stmt>,
    pub params: Map,
    /// The lines on which something is said.
    pub lines: BTreeSet<usize>,
}

/// The engine with everything registered; one for all rules of a library.
pub(crate) struct Host {
    engine: Engine,
    /// Tells this engine's resolved functions from another's.
    id: u64,
    names: Names,
    functions: Functions,
}

/// Lets native functions without an argument of ours find the claim under review.
#[derive(Clone)]
struct Current(Arc<View>);

/// The claim under review.
pub(crate) fn current(context: &NativeCallContext<'_>) -> Fallible<Arc<View>> {
    let current = context.tag().and_then(|t| t.read_lock::<Current>().map(|c| Arc::clone(&c.0)));
    current.ok_or_else(|| fail("no claim is under review"))
}

impl Host {
    pub fn new() -> Self {
        // raw: no module loader, no print, no clock; then only packages that compute
        let mut engine = Engine::new_raw();
        ArithmeticPackage::new().register_into_engine(&mut engine);
        LogicPackage::new().register_into_engine(&mut engine);
        BasicStringPackage::new().register_into_engine(&mut engine);
        MoreStringPackage::new().register_into_engine(&mut engine);
        BasicArrayPackage::new().register_into_engine(&mut engine);
        BasicMapPackage::new().register_into_engine(&mut engine);
        BasicIteratorPackage::new().register_into_engine(&mut engine);
        engine
            .set_strict_variables(true)
            .set_fail_on_invalid_map_property(true)
            .set_allow_anonymous_fn(false)
            .set_allow_shadowing(false)
            .set_max_operations(MAX_OPERATIONS)
            .set_max_call_levels(8)
            .set_max_expr_depths(MAX_DEPTH, MAX_DEPTH)
            .set_max_variables(MAX_VARIABLES)
            .set_max_modules(0)
            .set_max_string_size(MAX_STRING)
            .set_max_array_size(MAX_LIST)
            .set_max_map_size(MAX_LIST);
        for word in DISABLED {
            engine.disable_symbol(word);
        }
        let names = Names { functions: STANDARD.into_iter().collect(), ..Names::default() };
        let mut registry = Registry { engine: &mut engine, names, functions: Functions::default() };
        crate::values::register(&mut registry);
        crate::facts::register(&mut registry);
        crate::natives::register(&mut registry);
        let (names, functions) = (registry.names, registry.functions);
        Self { engine, id: NEXT_HOST.fetch_add(1, Ordering::Relaxed), names, functions }
    }

    /// Parses and checks a script. Parameters become constants in it.
    pub fn compile(&self, path: &str, text: &str, params: Map, line_scope: bool) -> Result<Script, Vec<RuleProblem>> {
        let names: BTreeSet<String> = params.keys().map(ToString::to_string).collect();
        let mut scope = Scope::new();
        for name in ["claim", "person", "history"] {
            scope.push(name, ());
        }
        if line_scope {
            scope.push("line", ());
        }
        // once with `param` as a variable: the optimizer would silently turn a misspelt one into `()`
        scope.push("param", ());
        let parsed = self.parse(path, text, &scope)?;
        let evidence = self.check(path, &parsed, &names)?;
        scope.rewind(scope.len() - 1);
        scope.push_constant("param", params);
        let ast = self.parse(path, text, &scope)?;
        let statements = ast.statements().iter().cloned();
        let body = StmtBlock::new(statements, Position::NONE, Position::NONE);
        let variables: &[&str] =
            if line_scope { &["claim", "person", "history", "line"] } else { &["claim", "person", "history"] };
        let closures = translate(&body, variables, &self.functions);
        Ok(Script { body: Expr::Stmt(Box::new(body)), closures, evidence })
    }

    /// What a script says that cannot be meant. Nothing for one that does not parse: that is said elsewhere.
    pub fn lint(&self, path: &str, text: &str, params: &BTreeMap<String, Param>) -> Vec<RuleProblem> {
        let mut scope = Scope::new();
        for name in ["claim", "person", "history", "line", "param"] {
            scope.push(name, ());
        }
        let Ok(ast) = self.engine.compile_with_scope(&scope, text) else { return Vec::new() };
        let problem = |(at, message): (Position, String)| RuleProblem::new(path.to_owned(), place(at), message);
        lint(&ast, params).into_iter().map(problem).collect()
    }

    /// A script that compiled, once more for walking over it.
    pub fn traced(&self, text: &str, params: Map, line_scope: bool) -> Option<Traced> {
        let mut scope = Scope::new();
        for name in ["claim", "person", "history"] {
            scope.push(name, ());
        }
        if line_scope {
            scope.push("line", ());
        }
        scope.push("param", ());
        let ast = self.engine.compile_with_scope(&scope, text).ok()?;
        let mut lines = BTreeSet::new();
        ast.walk(&mut |nodes: &[ASTNode<'_>]| {
            if let Some(ASTNode::Stmt(s)) = nodes.last()
                && !matches!(s, Stmt::Noop(..) | Stmt::Block(..))
            {
                lines.extend(s.position().line());
            }
            true
        });
        Some(Traced { body: ast.statements().to_vec(), params, lines })
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The state of an evaluation that shares nothing with others.
    pub fn fresh(&self, view: &Arc<View>) -> (GlobalRuntimeState, Caches) {
        let mut global = self.engine.new_global_runtime_state();
        global.tag = Dynamic::from(Current(Arc::clone(view)));
        (global, new_caches())
    }

    fn parse(&self, path: &str, text: &str, scope: &Scope<'_>) -> Result<AST, Vec<RuleProblem>> {
        self.engine
            .compile_with_scope(scope, text)
            .map_err(|e| vec![RuleProblem::new(path.to_owned(), place(e.position()), e.err_type().to_string())])
    }

    /// Looks for names nobody registered; answers the names evidence may have.
    fn check(&self, path: &str, ast: &AST, params: &BTreeSet<String>) -> Result<BTreeSet<String>, Vec<RuleProblem>> {
        let mut problems = Vec::new();
        let mut problem = |at: Position, message: String| {
            problems.push(RuleProblem::new(path.to_owned(), place(at), message));
        };
        if ast.has_functions() {
            problem(Position::NONE, "a script defines no functions; loops over facts are native".into());
        }
        // a call that stands as a statement of its own is no expression in the tree
        ast.walk(&mut |nodes: &[ASTNode<'_>]| {
            if let Some(ASTNode::Stmt(Stmt::FnCall(f, at))) = nodes.last()
                && !f.is_operator_call()
                && !self.names.functions.contains(f.name.as_str())
            {
                problem(*at, format!("no function `{}`", f.name));
            }
            true
        });
        let mut keys: BTreeSet<String> = self.names.evidence.iter().map(ToString::to_string).collect();
        let mut of_param = BTreeSet::new();
        let (mut uses, mut by_name) = (Vec::new(), BTreeSet::new());
        walk(ast, |e| match e {
            Expr::Map(m, _) => keys.extend(m.0.iter().map(|(k, _)| k.name.to_string())),
            // a map of constants is one constant
            Expr::DynamicConstant(d, _) => {
                keys.extend(d.read_lock::<Map>().iter().flat_map(|m| m.keys().map(ToString::to_string)));
            }
            Expr::Dot(b, ..) => {
                if let (Expr::Variable(v, _, var), Expr::Property(p, at)) = (&b.lhs, &b.rhs)
                    && v.1 == "param"
                {
                    by_name.insert(place(*var));
                    of_param.insert((place(*at), p.2.to_string()));
                }
            }
            Expr::Variable(v, _, at) if v.1 == "param" => uses.push(*at),
            _ => {}
        });
        walk(ast, |e| match e {
            Expr::FnCall(f, at) | Expr::MethodCall(f, at)
                if !f.is_operator_call() && !self.names.functions.contains(f.name.as_str()) =>
            {
                problem(*at, format!("no function `{}`", f.name));
            }
            Expr::Property(p, at) => {
                let name = p.2.as_str();
                let of_a_param = of_param.contains(&(place(*at), name.to_owned()));
                if of_a_param && !params.contains(name) {
                    problem(*at, format!("the rule has no parameter `{name}`"));
                }
                if !of_a_param && !self.names.properties.contains(name) && !keys.contains(name) {
                    problem(*at, format!("no property `{name}`"));
                }
            }
            _ => {}
        });
        for at in uses.into_iter().filter(|at| !by_name.contains(&place(*at))) {
            problem(at, "use a parameter as `param.name`, in a variable of its own if need be".into());
        }
        problems.sort();
        problems.dedup();
        if problems.is_empty() { Ok(keys) } else { Err(problems) }
    }
}

fn walk(ast: &AST, mut on_expr: impl FnMut(&Expr)) {
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(e)) = nodes.last() {
            on_expr(e);
        }
        true
    });
}

fn place(at: Position) -> (usize, usize) {
    (at.line().unwrap_or(1), at.position().unwrap_or(1))
}

static NEXT_HOST: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Functions resolved by earlier claims on this thread, and by which engine. To resolve one costs
    /// more than to call it, and since scripts define none, what was resolved holds for every script
    /// of the engine. It changes how long a review takes and nothing else.
    static RESOLVED: RefCell<Option<(u64, Caches)>> = const { RefCell::new(None) };
}

/// The scripts of one claim, one after the other.
pub(crate) struct Session<'h> {
    pub host: &'h Host,
    pub view: Arc<View>,
    /// The variables of scripts: `claim`, `person`, `history`.
    vars: Vec<Dynamic>,
    /// Whether closures run where there are some.
    native: bool,
    global: GlobalRuntimeState,
    /// Made when the first script needs it.
    interpreter: Option<Interpreter>,
}

/// What the interpreter keeps from one script to the next.
struct Interpreter {
    scope: Scope<'static>,
    caches: Caches,
}

impl<'h> Session<'h> {
    pub fn new(host: &'h Host, view: Arc<View>, native: bool) -> Self {
        let vars = vec![
            Dynamic::from(Claim(Arc::clone(&view))),
            Dynamic::from(Person(Arc::clone(&view))),
            Dynamic::from(History(Arc::clone(&view))),
        ];
        let mut global = host.engine.new_global_runtime_state();
        global.tag = Dynamic::from(Current(Arc::clone(&view)));
        Self { host, view, vars, native, global, interpreter: None }
    }

    /// The variables every script sees.
    pub fn scope(&self) -> Scope<'static> {
        let mut scope = Scope::new();
        for (name, value) in ["claim", "person", "history"].into_iter().zip(&self.vars) {
            scope.push_constant_dynamic(name, value.clone());
        }
        scope
    }

    /// Runs a script, for one line where it is a rule of lines. Answers the operations it took, or
    /// what went wrong.
    pub fn run(&mut self, script: &Script, line: Option<u32>) -> Result<u64, String> {
        if self.native
            && let Some(closures) = &script.closures
            && let Some(steps) = self.run_closures(closures, line)
        {
            return Ok(steps);
        }
        let mut interpreter = self.interpreter.take().unwrap_or_else(|| Interpreter {
            scope: self.scope(),
            caches: match RESOLVED.take() {
                Some((id, caches)) if id == self.host.id => caches,
                _ => new_caches(),
            },
        });
        let vars = interpreter.scope.len();
        if let Some(at) = line {
            interpreter.scope.push_constant("line", Line { view: Arc::clone(&self.view), at });
        }
        self.global.num_operations = Default::default();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let Interpreter { scope, caches } = &mut interpreter;
            let mut context = EvalContext::new(&self.host.engine, &mut self.global, caches, scope, None);
            context.eval_expression_tree(&Expression::from(&script.body))
        }));
        interpreter.scope.rewind(vars);
        self.interpreter = Some(interpreter);
        match outcome {
            Ok(Ok(_)) => Ok(self.global.num_operations()),
            Ok(Err(e)) => match *e {
                EvalAltResult::Return(..) => Ok(self.global.num_operations()),
                error => {
                    self.renew();
                    Err(error.to_string())
                }
            },
            Err(_) => {
                self.renew();
                Err("the rule broke down".into())
            }
        }
    }

    /// Runs a script's closures. Nothing where they leave it to the interpreter; what they raised until then
    /// is taken back.
    fn run_closures(&mut self, closures: &Closures, line: Option<u32>) -> Option<u64> {
        let given = self.vars.len();
        if let Some(at) = line {
            self.vars.push(Dynamic::from(Line { view: Arc::clone(&self.view), at }));
        }
        let raised = self.view.run().hits.len();
        let spent = self.view.spent();
        let outcome = catch_unwind(AssertUnwindSafe(|| closures.run(&mut self.vars, &self.host.engine, &self.global)));
        match outcome {
            Ok(Some(steps)) => {
                self.vars.truncate(given);
                Some(steps)
            }
            left => {
                self.view.run().hits.truncate(raised);
                self.view.set_spent(spent);
                if left.is_ok() {
                    self.vars.truncate(given);
                } else {
                    self.renew();
                }
                None
            }
        }
    }

    /// After an error nothing of the interpreter's state is kept.
    fn renew(&mut self) {
        let fresh = Self::new(self.host, Arc::clone(&self.view), self.native);
        let mut old = std::mem::replace(self, fresh);
        old.interpreter = None;
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if let Some(interpreter) = self.interpreter.take() {
            RESOLVED.set(Some((self.host.id, interpreter.caches)));
        }
    }
}

/// With one cache at the bottom, or Rhai would throw resolved functions away after every script.
fn new_caches() -> Caches {
    let mut caches = Caches::new();
    caches.push_fn_resolution_cache();
    caches
}
