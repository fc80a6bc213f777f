//! One function, built for several CPUs.
//!
//! The compiler may use the wider registers of a CPU only in functions that are built for it, and
//! whether the CPU has them is known when the program runs. So the body of a kernel is an inlined
//! function, generic over the registers or left to the compiler, and the macros here build it for each
//! set of features. How far builds agree is said by each kernel, and its tests compare them.
//!
//! A closure is built without the features of the function around it, so the bodies have plain loops.

/// Makes a function that calls the first build whose features the CPU has; the last needs none.
///
/// ```text
/// builds! {
///     fn sum(values: &[f64]) -> f64 {
///         ["avx512f"] => add::<Avx512>,
///         ["avx2", "fma"] => add::<Avx2>,
///         [] => add::<Portable>,
///     }
/// }
/// ```
macro_rules! builds {
    (
        $(#[$meta:meta])*
        $visibility:vis fn $name:ident $(<const $c:ident: $of:ty>)? (
            $($argument:ident: $type:ty),* $(,)?
        ) $(-> $out:ty)? { $($list:tt)+ }
    ) => {
        $(#[$meta])*
        $visibility fn $name $(<const $c: $of>)? ($($argument: $type),*) $(-> $out)? {
            $crate::num::builds::builds!(@call {$(<const $c: $of>)? ($($argument: $type),*) $(-> $out)?} $($list)+)
        }
    };
    (
        @call $signature:tt
        $([$($feature:tt),+] => $body:expr,)+
        [] => $portable:expr,
    ) => {{
        #[cfg(target_arch = "x86_64")]
        {
            $(if $(is_x86_feature_detected!($feature))&&+ {
                $crate::num::builds::builds!(@build $signature [$($feature),+] $body);
                return $crate::num::builds::builds!(@apply build, $signature);
            })+
        }
        $crate::num::builds::builds!(@apply $portable, $signature)
    }};
    // A function `build` of that body with these features; called only where the CPU has them.
    (
        @build
        {$(<const $c:ident: $of:ty>)? ($($argument:ident: $type:ty),*) $(-> $out:ty)?}
        [$($feature:tt),+] $body:expr
    ) => {
        fn build $(<const $c: $of>)? ($($argument: $type),*) $(-> $out)? {
            #[target_feature($(enable = $feature),+)]
            fn inner $(<const $c: $of>)? ($($argument: $type),*) $(-> $out)? {
                $body($($argument),*)
            }
            // SAFETY: the caller has detected the features.
            #[allow(unsafe_code)]
            unsafe { inner $(::<$c>)? ($($argument),*) }
        }
    };
    (@apply build, {$(<const $c:ident: $of:ty>)? ($($argument:ident: $type:ty),*) $(-> $out:ty)?}) => {
        build $(::<$c>)? ($($argument),*)
    };
    (@apply $body:expr, {$(<const $c:ident: $of:ty>)? ($($argument:ident: $type:ty),*) $(-> $out:ty)?}) => {
        $body($($argument),*)
    };
    (@pointer {$(<const $c:ident: $of:ty>)? ($($argument:ident: $type:ty),*) $(-> $out:ty)?}) => {
        build $(::<$c>)? as fn($($type),*) $(-> $out)?
    };
}

/// Makes a function that returns the builds that this CPU runs, the fastest first: for kernels that are
/// chosen once and called often, and for tests of every build. The form is that of [`builds!`].
macro_rules! all_builds {
    (
        $(#[$meta:meta])*
        $visibility:vis fn $name:ident $(<const $c:ident: $of:ty>)? (
            $($argument:ident: $type:ty),* $(,)?
        ) $(-> $out:ty)? { $($list:tt)+ }
    ) => {
        $(#[$meta])*
        $visibility fn $name $(<const $c: $of>)? ()
        -> impl Iterator<Item = fn($($type),*) $(-> $out)?> {
            type Pointer = fn($($type),*) $(-> $out)?;
            $crate::num::builds::all_builds!(
                @list {$(<const $c: $of>)? ($($argument: $type),*) $(-> $out)?} $($list)+
            )
        }
    };
    (
        @list $signature:tt
        $([$($feature:tt),+] => $body:expr,)+
        [] => $portable:expr,
    ) => {{
        #[cfg(target_arch = "x86_64")]
        let wide = [$({
            $crate::num::builds::builds!(@build $signature [$($feature),+] $body);
            ($(is_x86_feature_detected!($feature))&&+).then_some($crate::num::builds::builds!(@pointer $signature))
        }),+];
        #[cfg(not(target_arch = "x86_64"))]
        let wide = [None; 0];
        wide.into_iter().flatten().chain([$portable as Pointer])
    }};
}

/// The first of some builds.
pub(in crate::num) fn fastest<F>(mut builds: impl Iterator<Item = F>) -> F {
    builds.next().expect("the portable build runs on every CPU")
}

pub(in crate::num) use {all_builds, builds};
