//! Calls of native functions by the types of their arguments, as the interpreter would choose them.

use super::{ByName, Frame, Halt, Outcome};
use rhai::{Dynamic, NativeCallContext, Position, RhaiFunc};
use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One function with the types it is for; a parameter of type [`Dynamic`] takes anything.
#[derive(Clone)]
struct Entry {
    name: &'static str,
    types: Vec<TypeId>,
    func: RhaiFunc,
}

impl Entry {
    fn fits(&self, args: impl Iterator<Item = TypeId>) -> bool {
        let any = TypeId::of::<Dynamic>();
        self.types.iter().zip(args).all(|(want, have)| *want == have || *want == any)
    }

    /// How many parameters take anything: a function with fewer is chosen first.
    fn open(&self) -> usize {
        self.types.iter().filter(|t| **t == TypeId::of::<Dynamic>()).count()
    }

    fn invoke(&self, f: &Frame<'_>, args: &mut [&mut Dynamic]) -> Outcome {
        let (RhaiFunc::Pure { func, has_context, .. } | RhaiFunc::Method { func, has_context, .. }) = &self.func else {
            return Err(Halt::Leave);
        };
        let context = has_context
            .then(|| NativeCallContext::new_with_all_fields(f.engine, self.name, None, f.global, Position::NONE));
        func(context, args).map_err(|_| Halt::Leave)
    }
}

/// The functions of one name and number of arguments.
pub(crate) struct Callable(Vec<Entry>);

impl Callable {
    fn entry(&self, args: &[&mut Dynamic]) -> Result<&Entry, Halt> {
        self.0.iter().find(|e| e.fits(args.iter().map(|a| a.type_id()))).ok_or(Halt::Leave)
    }

    pub fn call(&self, f: &Frame<'_>, args: &mut [Dynamic]) -> Outcome {
        placed(None, args, |places| self.entry(places)?.invoke(f, places))
    }

    /// Calls with an object before the arguments. A function that takes the object whole gets a copy.
    pub fn method(&self, f: &Frame<'_>, of: &mut Dynamic, args: &mut [Dynamic]) -> Outcome {
        let entry = placed(Some(of), args, |places| self.entry(places))?;
        if entry.func.is_method() {
            return placed(Some(of), args, |places| entry.invoke(f, places));
        }
        let mut whole = of.clone();
        placed(Some(&mut whole), args, |places| entry.invoke(f, places))
    }
}

/// Puts arguments in the form native functions take; without a list on the heap for the usual few.
fn placed<R>(of: Option<&mut Dynamic>, args: &mut [Dynamic], act: impl FnOnce(&mut [&mut Dynamic]) -> R) -> R {
    match (of, args) {
        (None, [a]) => act(&mut [a]),
        (None, [a, b]) => act(&mut [a, b]),
        (Some(of), []) => act(&mut [of]),
        (Some(of), [a]) => act(&mut [of, a]),
        (Some(of), [a, b]) => act(&mut [of, a, b]),
        (of, args) => act(&mut of.into_iter().chain(args).collect::<Vec<_>>()),
    }
}

/// The getters of one property.
pub(crate) struct Getter(Vec<Entry>);

impl Getter {
    pub fn get(&self, of: &mut Dynamic) -> Outcome {
        let have = of.type_id();
        let entry = self.0.iter().find(|e| e.types.first() == Some(&have)).ok_or(Halt::Leave)?;
        match &entry.func {
            RhaiFunc::Method { func, has_context: false, .. } => func(None, &mut [of]).map_err(|_| Halt::Leave),
            _ => Err(Halt::Leave),
        }
    }
}

type Walk = fn(Dynamic) -> Result<Vec<Dynamic>, Halt>;

/// What `for` walks over.
#[derive(Clone, Default)]
pub(crate) struct Lists(BTreeMap<TypeId, Walk>);

impl Lists {
    pub fn items(&self, list: Dynamic) -> Result<Vec<Dynamic>, Halt> {
        let have = list.type_id();
        if have == TypeId::of::<rhai::Array>() {
            return list.into_array().map_err(|_| Halt::Leave);
        }
        self.0.get(&have).ok_or(Halt::Leave)?(list)
    }
}

/// Everything scripts may call that is registered with the interpreter too.
#[derive(Default)]
pub(crate) struct Functions {
    functions: ByName<Entry>,
    getters: BTreeMap<&'static str, Vec<Entry>>,
    lists: Arc<Lists>,
}

impl Functions {
    pub fn add(&mut self, name: &'static str, types: &[TypeId], func: RhaiFunc) {
        let same = self.functions.entry((name.to_owned(), types.len())).or_default();
        same.push(Entry { name, types: types.to_vec(), func });
        same.sort_by_key(Entry::open);
    }

    pub fn add_getter(&mut self, name: &'static str, types: &[TypeId], func: RhaiFunc) {
        self.getters.entry(name).or_default().push(Entry { name, types: types.to_vec(), func });
    }

    pub fn add_list<T>(&mut self)
    where
        T: rhai::Variant + Clone + IntoIterator,
        <T as IntoIterator>::Item: rhai::Variant + Clone,
    {
        let walk: Walk = |list| {
            let list = list.try_cast::<T>().ok_or(Halt::Leave)?;
            Ok(list.into_iter().map(Dynamic::from).collect())
        };
        Arc::make_mut(&mut self.lists).0.insert(TypeId::of::<T>(), walk);
    }

    pub fn callable(&self, name: &str, arguments: usize) -> Option<Arc<Callable>> {
        self.functions.get(&(name.to_owned(), arguments)).map(|e| Arc::new(Callable(e.clone())))
    }

    /// The getters of a property; a property of maps alone has none and is no reason to give up.
    pub fn getter(&self, name: &str) -> Option<Getter> {
        Some(Getter(self.getters.get(name).cloned().unwrap_or_default()))
    }

    pub fn lists(&self) -> Arc<Lists> {
        Arc::clone(&self.lists)
    }
}
