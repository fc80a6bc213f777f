//! Sixteen f32 lanes in the widest registers of the CPU at hand; with `doubles.rs` the only files of intrinsics.
//!
//! One generic kernel body is instantiated for AVX-512 (one register), AVX2 with FMA (two) and
//! plain Rust (an array), each inside a function compiled for those features. Loops over arrays
//! were measured first: the compiler made 11 GFLOP/s of them where these make 100.

use super::pack::LANES;

/// Sixteen lanes and what the kernels do with them. Lane i never meets lane j.
pub(super) trait Singles: Copy {
    /// Sixteen integers, one per lane.
    type Index: Copy;

    fn splat(value: f32) -> Self;
    fn load(lanes: &[f32; LANES]) -> Self;
    fn store(self, lanes: &mut [f32; LANES]);
    /// self − a·b, fused where the CPU fuses.
    fn minus_product(self, a: Self, b: Self) -> Self;
    /// self + a·b, fused where the CPU fuses.
    fn plus_product(self, a: Self, b: Self) -> Self;
    /// self + b, self − b, self·b, each rounded: the same bits on every CPU.
    fn plus(self, b: Self) -> Self;
    fn minus(self, b: Self) -> Self;
    fn times(self, b: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// 1/√self of a normal number, off by at most 2⁻¹¹ of it, otherwise on each CPU.
    fn about_inverse_sqrt(self) -> Self;
    /// The smallest lane.
    fn least(self) -> f32;
    /// Bit i is set where lane i is greater than that of `other`.
    fn above(self, other: Self) -> u16;
    fn index(value: u32) -> Self::Index;
    /// Per lane: `new` where `self < other`, else `old`.
    fn select_less(self, other: Self, new: Self::Index, old: Self::Index) -> Self::Index;
    /// The lanes set in a mask, in order, from the first on; the others become infinite.
    fn compress(self, mask: u16, lanes: &mut [f32; LANES]);
    /// Lane i holds `first` + i.
    fn index_from(first: u32) -> Self::Index;
    fn load_index(lanes: &[u32; LANES]) -> Self::Index;
    fn store_index(index: Self::Index, lanes: &mut [u32; LANES]);
    /// The lanes set in a mask, in order, from the first on; the others become anything.
    fn compress_index(index: Self::Index, mask: u16, lanes: &mut [u32; LANES]);
    /// Bit i is set where lane i differs.
    fn differs(index: Self::Index, lanes: &[u32; LANES]) -> u16;
}

/// Plain Rust: products are rounded before they are added.
#[derive(Debug, Clone, Copy)]
pub(super) struct SinglesPortable([f32; LANES]);

impl SinglesPortable {
    #[inline(always)]
    fn each(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut lanes = self.0;
        for (lane, o) in lanes.iter_mut().zip(other.0) {
            *lane = f(*lane, o);
        }
        Self(lanes)
    }
}

impl Singles for SinglesPortable {
    type Index = [u32; LANES];

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
    #[inline(always)]
    fn load(lanes: &[f32; LANES]) -> Self {
        Self(*lanes)
    }
    #[inline(always)]
    fn store(self, lanes: &mut [f32; LANES]) {
        *lanes = self.0;
    }
    #[inline(always)]
    fn minus_product(self, a: Self, b: Self) -> Self {
        self.each(a.each(b, |a, b| a * b), |sum, product| sum - product)
    }
    #[inline(always)]
    fn plus_product(self, a: Self, b: Self) -> Self {
        self.each(a.each(b, |a, b| a * b), |sum, product| sum + product)
    }
    #[inline(always)]
    fn plus(self, b: Self) -> Self {
        self.each(b, |a, b| a + b)
    }
    #[inline(always)]
    fn minus(self, b: Self) -> Self {
        self.each(b, |a, b| a - b)
    }
    #[inline(always)]
    fn times(self, b: Self) -> Self {
        self.each(b, |a, b| a * b)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.each(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.each(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn about_inverse_sqrt(self) -> Self {
        self.each(self, |a, _| 1.0 / a.sqrt())
    }
    #[inline(always)]
    fn least(self) -> f32 {
        self.0.into_iter().fold(f32::INFINITY, |a, b| if b < a { b } else { a })
    }
    #[inline(always)]
    fn above(self, other: Self) -> u16 {
        self.0.into_iter().zip(other.0).rev().fold(0, |bits, (a, b)| bits << 1 | u16::from(a > b))
    }
    #[inline(always)]
    fn index(value: u32) -> Self::Index {
        [value; LANES]
    }
    #[inline(always)]
    fn select_less(self, other: Self, new: Self::Index, old: Self::Index) -> Self::Index {
        let mut chosen = old;
        for lane in 0..LANES {
            chosen[lane] = if self.0[lane] < other.0[lane] { new[lane] } else { old[lane] };
        }
        chosen
    }
    #[inline(always)]
    fn compress(self, mask: u16, lanes: &mut [f32; LANES]) {
        front(&self.0, f32::INFINITY, mask, lanes);
    }
    #[inline(always)]
    fn index_from(first: u32) -> Self::Index {
        std::array::from_fn(|lane| first.wrapping_add(lane as u32))
    }
    #[inline(always)]
    fn load_index(lanes: &[u32; LANES]) -> Self::Index {
        *lanes
    }
    #[inline(always)]
    fn compress_index(index: Self::Index, mask: u16, lanes: &mut [u32; LANES]) {
        front(&index, 0, mask, lanes);
    }
    #[inline(always)]
    fn store_index(index: Self::Index, lanes: &mut [u32; LANES]) {
        *lanes = index;
    }
    #[inline(always)]
    fn differs(index: Self::Index, lanes: &[u32; LANES]) -> u16 {
        index.into_iter().zip(lanes).rev().fold(0, |bits, (a, b)| bits << 1 | u16::from(a != *b))
    }
}

/// Puts the items set in a mask in front, and `rest` behind them.
#[inline(always)]
fn front<T: Copy>(items: &[T; LANES], rest: T, mask: u16, front: &mut [T; LANES]) {
    let (mut sorted, mut n) = ([rest; LANES], 0);
    for (lane, &item) in items.iter().enumerate() {
        let wanted = mask >> lane & 1 == 1;
        // Written even if not wanted, and then overwritten: no branch that nothing predicts.
        sorted[n % LANES] = if wanted { item } else { rest };
        n += usize::from(wanted);
    }
    *front = sorted;
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{SinglesAvx2, SinglesAvx512};

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    //! SAFETY, for every block here: these types are named only inside functions compiled with
    //! `#[target_feature]` for them, which in turn are called only after detecting the features
    //! (see `scan.rs`); loads and stores go through references to sixteen valid lanes.

    use std::arch::x86_64::*;

    use super::{LANES, Singles, front};

    /// One 512-bit register.
    #[derive(Debug, Clone, Copy)]
    pub(in crate::num) struct SinglesAvx512(__m512);

    impl Singles for SinglesAvx512 {
        type Index = __m512i;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            Self(unsafe { _mm512_set1_ps(value) })
        }
        #[inline(always)]
        fn load(lanes: &[f32; LANES]) -> Self {
            Self(unsafe { _mm512_loadu_ps(lanes.as_ptr()) })
        }
        #[inline(always)]
        fn store(self, lanes: &mut [f32; LANES]) {
            unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn minus_product(self, a: Self, b: Self) -> Self {
            Self(unsafe { _mm512_fnmadd_ps(a.0, b.0, self.0) })
        }
        #[inline(always)]
        fn plus_product(self, a: Self, b: Self) -> Self {
            Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
        }
        #[inline(always)]
        fn plus(self, b: Self) -> Self {
            Self(unsafe { _mm512_add_ps(self.0, b.0) })
        }
        #[inline(always)]
        fn minus(self, b: Self) -> Self {
            Self(unsafe { _mm512_sub_ps(self.0, b.0) })
        }
        #[inline(always)]
        fn times(self, b: Self) -> Self {
            Self(unsafe { _mm512_mul_ps(self.0, b.0) })
        }
        #[inline(always)]
        fn min(self, other: Self) -> Self {
            Self(unsafe { _mm512_min_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            Self(unsafe { _mm512_max_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn about_inverse_sqrt(self) -> Self {
            Self(unsafe { _mm512_rsqrt14_ps(self.0) })
        }
        #[inline(always)]
        fn least(self) -> f32 {
            unsafe { _mm512_reduce_min_ps(self.0) }
        }
        #[inline(always)]
        fn above(self, other: Self) -> u16 {
            unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, other.0) }
        }
        #[inline(always)]
        fn index(value: u32) -> Self::Index {
            unsafe { _mm512_set1_epi32(value as i32) }
        }
        #[inline(always)]
        fn select_less(self, other: Self, new: Self::Index, old: Self::Index) -> Self::Index {
            unsafe {
                let less = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0);
                _mm512_mask_mov_epi32(old, less, new)
            }
        }
        #[inline(always)]
        fn compress(self, mask: u16, lanes: &mut [f32; LANES]) {
            unsafe {
                let far = _mm512_set1_ps(f32::INFINITY);
                let front = _mm512_mask_compress_ps(far, mask, self.0);
                _mm512_storeu_ps(lanes.as_mut_ptr(), front);
            }
        }
        #[inline(always)]
        fn index_from(first: u32) -> Self::Index {
            let lanes: [u32; LANES] = std::array::from_fn(|lane| lane as u32);
            unsafe { _mm512_add_epi32(Self::load_index(&lanes), Self::index(first)) }
        }
        #[inline(always)]
        fn load_index(lanes: &[u32; LANES]) -> Self::Index {
            unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
        }
        #[inline(always)]
        fn compress_index(index: Self::Index, mask: u16, lanes: &mut [u32; LANES]) {
            unsafe {
                let front = _mm512_maskz_compress_epi32(mask, index);
                _mm512_storeu_si512(lanes.as_mut_ptr().cast(), front);
            }
        }
        #[inline(always)]
        fn store_index(index: Self::Index, lanes: &mut [u32; LANES]) {
            unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), index) }
        }
        #[inline(always)]
        fn differs(index: Self::Index, lanes: &[u32; LANES]) -> u16 {
            unsafe { _mm512_cmpneq_epi32_mask(index, _mm512_loadu_si512(lanes.as_ptr().cast())) }
        }
    }

    /// Two 256-bit registers.
    #[derive(Debug, Clone, Copy)]
    pub(in crate::num) struct SinglesAvx2(__m256, __m256);

    impl Singles for SinglesAvx2 {
        type Index = (__m256i, __m256i);

        #[inline(always)]
        fn splat(value: f32) -> Self {
            let v = unsafe { _mm256_set1_ps(value) };
            Self(v, v)
        }
        #[inline(always)]
        fn load(lanes: &[f32; LANES]) -> Self {
            let (low, high) = lanes.split_at(8);
            unsafe { Self(_mm256_loadu_ps(low.as_ptr()), _mm256_loadu_ps(high.as_ptr())) }
        }
        #[inline(always)]
        fn store(self, lanes: &mut [f32; LANES]) {
            let (low, high) = lanes.split_at_mut(8);
            unsafe {
                _mm256_storeu_ps(low.as_mut_ptr(), self.0);
                _mm256_storeu_ps(high.as_mut_ptr(), self.1);
            }
        }
        #[inline(always)]
        fn minus_product(self, a: Self, b: Self) -> Self {
            unsafe { Self(_mm256_fnmadd_ps(a.0, b.0, self.0), _mm256_fnmadd_ps(a.1, b.1, self.1)) }
        }
        #[inline(always)]
        fn plus_product(self, a: Self, b: Self) -> Self {
            unsafe { Self(_mm256_fmadd_ps(a.0, b.0, self.0), _mm256_fmadd_ps(a.1, b.1, self.1)) }
        }
        #[inline(always)]
        fn plus(self, b: Self) -> Self {
            unsafe { Self(_mm256_add_ps(self.0, b.0), _mm256_add_ps(self.1, b.1)) }
        }
        #[inline(always)]
        fn minus(self, b: Self) -> Self {
            unsafe { Self(_mm256_sub_ps(self.0, b.0), _mm256_sub_ps(self.1, b.1)) }
        }
        #[inline(always)]
        fn times(self, b: Self) -> Self {
            unsafe { Self(_mm256_mul_ps(self.0, b.0), _mm256_mul_ps(self.1, b.1)) }
        }
        #[inline(always)]
        fn min(self, other: Self) -> Self {
            unsafe { Self(_mm256_min_ps(self.0, other.0), _mm256_min_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            unsafe { Self(_mm256_max_ps(self.0, other.0), _mm256_max_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn about_inverse_sqrt(self) -> Self {
            unsafe { Self(_mm256_rsqrt_ps(self.0), _mm256_rsqrt_ps(self.1)) }
        }
        #[inline(always)]
        fn least(self) -> f32 {
            let mut eight = [0.0; 8];
            unsafe { _mm256_storeu_ps(eight.as_mut_ptr(), _mm256_min_ps(self.0, self.1)) }
            eight.into_iter().fold(f32::INFINITY, |a, b| if b < a { b } else { a })
        }
        #[inline(always)]
        fn above(self, other: Self) -> u16 {
            unsafe {
                let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self.0, other.0));
                let high = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self.1, other.1));
                (low | high << 8) as u16
            }
        }
        #[inline(always)]
        fn index(value: u32) -> Self::Index {
            let v = unsafe { _mm256_set1_epi32(value as i32) };
            (v, v)
        }
        #[inline(always)]
        fn select_less(self, other: Self, new: Self::Index, old: Self::Index) -> Self::Index {
            unsafe {
                let low = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0));
                let high = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_LT_OQ>(self.1, other.1));
                (_mm256_blendv_epi8(old.0, new.0, low), _mm256_blendv_epi8(old.1, new.1, high))
            }
        }
        #[inline(always)]
        fn compress(self, mask: u16, lanes: &mut [f32; LANES]) {
            let mut all = [0.0; LANES];
            self.store(&mut all);
            front(&all, f32::INFINITY, mask, lanes);
        }
        #[inline(always)]
        fn index_from(first: u32) -> Self::Index {
            let lanes: [u32; LANES] = std::array::from_fn(|lane| first.wrapping_add(lane as u32));
            Self::load_index(&lanes)
        }
        #[inline(always)]
        fn load_index(lanes: &[u32; LANES]) -> Self::Index {
            let (low, high) = lanes.split_at(8);
            unsafe {
                let low = _mm256_loadu_si256(low.as_ptr().cast());
                (low, _mm256_loadu_si256(high.as_ptr().cast()))
            }
        }
        #[inline(always)]
        fn compress_index(index: Self::Index, mask: u16, lanes: &mut [u32; LANES]) {
            let mut all = [0; LANES];
            Self::store_index(index, &mut all);
            front(&all, 0, mask, lanes);
        }
        #[inline(always)]
        fn store_index(index: Self::Index, lanes: &mut [u32; LANES]) {
            let (low, high) = lanes.split_at_mut(8);
            unsafe {
                _mm256_storeu_si256(low.as_mut_ptr().cast(), index.0);
                _mm256_storeu_si256(high.as_mut_ptr().cast(), index.1);
            }
        }
        #[inline(always)]
        fn differs(index: Self::Index, lanes: &[u32; LANES]) -> u16 {
            let (low, high) = lanes.split_at(8);
            unsafe {
                let low = _mm256_cmpeq_epi32(index.0, _mm256_loadu_si256(low.as_ptr().cast()));
                let high = _mm256_cmpeq_epi32(index.1, _mm256_loadu_si256(high.as_ptr().cast()));
                let low = _mm256_movemask_ps(_mm256_castsi256_ps(low));
                let high = _mm256_movemask_ps(_mm256_castsi256_ps(high));
                !(low | high << 8) as u16
            }
        }
    }
}
