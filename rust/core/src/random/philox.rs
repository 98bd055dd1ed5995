//! Philox4x64-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
//! 1, 2, 3" (SC 2011). NumPy has the same generator, which makes it a free oracle.

const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];
const ROUNDS: usize = 10;

/// The four random words of each of some counters under a key. Several at once take little longer than one: what the
/// rounds of one wait for leaves time for those of the others.
#[inline]
pub fn philox4x64<const N: usize>(mut counters: [[u64; 4]; N], key: [u64; 2]) -> [[u64; 4]; N] {
    let [mut k, mut l] = key;
    for _ in 0..ROUNDS {
        for counter in &mut counters {
            let [a, b, c, d] = *counter;
            let (high_a, low_a) = multiply(MULTIPLIERS[0], a);
            let (high_c, low_c) = multiply(MULTIPLIERS[1], c);
            *counter = [high_c ^ b ^ k, low_c, high_a ^ d ^ l, low_a];
        }
        k = k.wrapping_add(WEYL[0]);
        l = l.wrapping_add(WEYL[1]);
    }
    counters
}

#[inline]
fn multiply(a: u64, b: u64) -> (u64, u64) {
    let product = u128::from(a) * u128::from(b);
    ((product >> 64) as u64, product as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that Random123 ships for philox4x64, 10 rounds.
    const KNOWN: [([u64; 4], [u64; 2], [u64; 4]); 3] = [
        ([0; 4], [0; 2], [0x1655_4d9e_ca36_314c, 0xdb20_fe9d_672d_0fdc, 0xd7e7_72ce_e186_176b, 0x7e68_b68a_ec7b_a23b]),
        (
            [u64::MAX; 4],
            [u64::MAX; 2],
            [0x87b0_92c3_013f_e90b, 0x438c_3c67_be8d_0224, 0x9cc7_d7c6_9cd7_77b6, 0xa09c_aebf_594f_0ba0],
        ),
        (
            [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89],
            [0x4528_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c],
            [0xa528_f454_03e6_1d95, 0x38c7_2dbd_566e_9788, 0xa5a1_610e_72fd_18b5, 0x57bd_43b5_e52b_7fe6],
        ),
    ];

    #[test]
    fn known_answers_of_random123() {
        for (counter, key, words) in KNOWN {
            assert_eq!(philox4x64([counter], key), [words]);
        }
    }

    #[test]
    fn several_at_once_are_the_same_as_one_after_the_other() {
        let counters: [[u64; 4]; 5] = std::array::from_fn(|i| [i as u64, 2, u64::MAX - i as u64, 0]);
        let one_by_one = counters.map(|counter| philox4x64([counter], [3, 4])[0]);
        assert_eq!(philox4x64(counters, [3, 4]), one_by_one);
    }
}
