//! Eight f64 lanes in the widest registers of the CPU at hand; as `lanes.rs` does for f32.
//!
//! Loops over arrays were measured first: how the compiler laid them out changed with what stood around
//! them, by a factor of ten.

/// Lanes of a register.
pub(super) const WIDE: usize = 8;

/// Eight lanes and what the kernels do with them. Each operation is rounded: the same bits on every CPU.
pub(super) trait Doubles: Copy {
    fn splat(value: f64) -> Self;
    fn load(lanes: &[f64; WIDE]) -> Self;
    fn store(self, lanes: &mut [f64; WIDE]);
    fn plus(self, b: Self) -> Self;
    fn times(self, b: Self) -> Self;
    fn root(self) -> Self;
    /// Bit i is set where lane i is less than that of `b`.
    fn less(self, b: Self) -> u8;
}

/// Plain Rust.
#[derive(Debug, Clone, Copy)]
pub(super) struct DoublesPortable([f64; WIDE]);

impl Doubles for DoublesPortable {
    #[inline(always)]
    fn splat(value: f64) -> Self {
        Self([value; WIDE])
    }
    #[inline(always)]
    fn load(lanes: &[f64; WIDE]) -> Self {
        Self(*lanes)
    }
    #[inline(always)]
    fn store(self, lanes: &mut [f64; WIDE]) {
        *lanes = self.0;
    }
    #[inline(always)]
    fn plus(mut self, b: Self) -> Self {
        self.0.iter_mut().zip(b.0).for_each(|(a, b)| *a += b);
        self
    }
    #[inline(always)]
    fn times(mut self, b: Self) -> Self {
        self.0.iter_mut().zip(b.0).for_each(|(a, b)| *a *= b);
        self
    }
    #[inline(always)]
    fn root(self) -> Self {
        Self(self.0.map(f64::sqrt))
    }
    #[inline(always)]
    fn less(self, b: Self) -> u8 {
        self.0.iter().zip(b.0).rev().fold(0, |bits, (a, b)| bits << 1 | u8::from(*a < b))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{DoublesAvx2, DoublesAvx512};

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    //! SAFETY, for every block here: these types are named only inside functions compiled with
    //! `#[target_feature]` for them, which in turn are called only after detecting the features; loads
    //! and stores go to arrays of eight.

    use std::arch::x86_64::{
        __m256d, __m512d, _CMP_LT_OQ, _mm256_add_pd, _mm256_cmp_pd, _mm256_loadu_pd,
        _mm256_movemask_pd, _mm256_mul_pd, _mm256_set1_pd, _mm256_sqrt_pd, _mm256_storeu_pd,
        _mm512_add_pd, _mm512_cmp_pd_mask, _mm512_loadu_pd, _mm512_mul_pd, _mm512_set1_pd,
        _mm512_sqrt_pd, _mm512_storeu_pd,
    };

    use super::{Doubles, WIDE};

    /// One register.
    #[derive(Debug, Clone, Copy)]
    pub(in super::super) struct DoublesAvx512(__m512d);

    impl Doubles for DoublesAvx512 {
        #[inline(always)]
        fn splat(value: f64) -> Self {
            unsafe { Self(_mm512_set1_pd(value)) }
        }
        #[inline(always)]
        fn load(lanes: &[f64; WIDE]) -> Self {
            unsafe { Self(_mm512_loadu_pd(lanes.as_ptr())) }
        }
        #[inline(always)]
        fn store(self, lanes: &mut [f64; WIDE]) {
            unsafe { _mm512_storeu_pd(lanes.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn plus(self, b: Self) -> Self {
            unsafe { Self(_mm512_add_pd(self.0, b.0)) }
        }
        #[inline(always)]
        fn times(self, b: Self) -> Self {
            unsafe { Self(_mm512_mul_pd(self.0, b.0)) }
        }
        #[inline(always)]
        fn root(self) -> Self {
            unsafe { Self(_mm512_sqrt_pd(self.0)) }
        }
        #[inline(always)]
        fn less(self, b: Self) -> u8 {
            unsafe { _mm512_cmp_pd_mask::<_CMP_LT_OQ>(self.0, b.0) }
        }
    }

    /// Two registers.
    #[derive(Debug, Clone, Copy)]
    pub(in super::super) struct DoublesAvx2(__m256d, __m256d);

    impl Doubles for DoublesAvx2 {
        #[inline(always)]
        fn splat(value: f64) -> Self {
            unsafe { Self(_mm256_set1_pd(value), _mm256_set1_pd(value)) }
        }
        #[inline(always)]
        fn load(lanes: &[f64; WIDE]) -> Self {
            let (low, high) = lanes.split_at(WIDE / 2);
            unsafe { Self(_mm256_loadu_pd(low.as_ptr()), _mm256_loadu_pd(high.as_ptr())) }
        }
        #[inline(always)]
        fn store(self, lanes: &mut [f64; WIDE]) {
            let (low, high) = lanes.split_at_mut(WIDE / 2);
            unsafe {
                _mm256_storeu_pd(low.as_mut_ptr(), self.0);
                _mm256_storeu_pd(high.as_mut_ptr(), self.1);
            }
        }
        #[inline(always)]
        fn plus(self, b: Self) -> Self {
            unsafe { Self(_mm256_add_pd(self.0, b.0), _mm256_add_pd(self.1, b.1)) }
        }
        #[inline(always)]
        fn times(self, b: Self) -> Self {
            unsafe { Self(_mm256_mul_pd(self.0, b.0), _mm256_mul_pd(self.1, b.1)) }
        }
        #[inline(always)]
        fn root(self) -> Self {
            unsafe { Self(_mm256_sqrt_pd(self.0), _mm256_sqrt_pd(self.1)) }
        }
        #[inline(always)]
        fn less(self, b: Self) -> u8 {
            unsafe {
                let low = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_LT_OQ>(self.0, b.0));
                let high = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_LT_OQ>(self.1, b.1));
                (high << 4 | low) as u8
            }
        }
    }
}
