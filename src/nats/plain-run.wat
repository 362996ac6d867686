;; The contract is in plain-run.ts. `npm run build:wasm` makes plain-run.wasm.ts of this.
(module
  (import "pool" "memory" (memory 1))
  (func $plainRun (export "run")
    (param $from i32) (param $end i32)
    (param $verb i32)      ;; the first four bytes of each message
    (param $least i32)     ;; arguments, there may be one more
    (param $maxLine i32)
    (param $result i32)    ;; where messages, payload bytes, size of the last one if it is cut (else -1) and its start go
    (result i32)
    (local $pos i32) (local $messages i32) (local $payload i32)
    (local $block i32) (local $first v128) (local $second v128)
    (local $blanks i32) (local $others i32)
    (local $gap i32)       ;; 1: the byte before the block is a blank
    (local $arguments i32) (local $lastBlank i32)
    (local $lineEnd i32) (local $digits i32) (local $number i64) (local $size i32) (local $next i32)

    (local.set $pos (local.get $from))
    (block $done
      (loop $message
        (br_if $done (i32.gt_s (i32.add (local.get $pos) (i32.const 12)) (local.get $end)))
        (br_if $done (i32.ne (i32.load align=1 (local.get $pos)) (local.get $verb)))
        (local.set $block (i32.add (local.get $pos) (i32.const 4)))
        (local.set $lastBlank (i32.add (local.get $pos) (i32.const 3)))
        (local.set $gap (i32.const 1))
        (local.set $arguments (i32.const 1))

        ;; One bit for each of 32 bytes.
        (loop $scan
          (local.set $first (v128.load align=1 (local.get $block)))
          (local.set $second (v128.load offset=16 align=1 (local.get $block)))
          (local.set $blanks
            (i32.or
              (i8x16.bitmask (i8x16.eq (local.get $first) (i8x16.splat (i32.const 0x20))))
              (i32.shl
                (i8x16.bitmask (i8x16.eq (local.get $second) (i8x16.splat (i32.const 0x20))))
                (i32.const 16))))
          ;; Neither a blank nor visible ASCII: one more than these is below 0x21, where 0x80 and above are negative.
          (local.set $others
            (i32.or
              (i8x16.bitmask
                (i8x16.lt_s
                  (i8x16.add (local.get $first) (i8x16.splat (i32.const 1)))
                  (i8x16.splat (i32.const 0x21))))
              (i32.shl
                (i8x16.bitmask
                  (i8x16.lt_s
                    (i8x16.add (local.get $second) (i8x16.splat (i32.const 1)))
                    (i8x16.splat (i32.const 0x21))))
                (i32.const 16))))
          ;; Those before the first of the others; all if there is none.
          (local.set $blanks
            (i32.and
              (local.get $blanks)
              (i32.and
                (i32.sub (local.get $others) (i32.const 1))
                (i32.xor (local.get $others) (i32.const -1)))))
          ;; Two blanks in a row.
          (br_if $done
            (i32.and
              (local.get $blanks)
              (i32.or (i32.shl (local.get $blanks) (i32.const 1)) (local.get $gap))))
          (local.set $arguments (i32.add (local.get $arguments) (i32.popcnt (local.get $blanks))))
          (if (local.get $blanks)
            (then
              (local.set $lastBlank
                (i32.add (local.get $block) (i32.sub (i32.const 31) (i32.clz (local.get $blanks)))))))
          (if (i32.eqz (local.get $others))
            (then
              (local.set $gap (i32.shr_u (local.get $blanks) (i32.const 31)))
              (local.set $block (i32.add (local.get $block) (i32.const 32)))
              (br_if $done (i32.ge_s (local.get $block) (local.get $end)))
              (br $scan))))

        (local.set $lineEnd
          (i32.add (local.get $block) (i32.add (i32.ctz (local.get $others)) (i32.const 2))))
        (local.set $digits
          (i32.sub (i32.sub (local.get $lineEnd) (i32.const 3)) (local.get $lastBlank)))
        (br_if $done (i32.gt_s (local.get $lineEnd) (local.get $end)))
        (br_if $done
          (i32.ne (i32.load16_u align=1 (i32.sub (local.get $lineEnd) (i32.const 2))) (i32.const 0x0a0d)))
        (br_if $done
          (i32.gt_s (i32.sub (local.get $lineEnd) (local.get $pos)) (local.get $maxLine)))
        (br_if $done
          (i32.gt_u (i32.sub (local.get $arguments) (local.get $least)) (i32.const 1)))
        (br_if $done (i32.gt_u (i32.sub (local.get $digits) (i32.const 1)) (i32.const 7)))

        ;; A size with leading zeros.
        (br_if $done
          (i32.and
            (i32.gt_s (local.get $digits) (i32.const 1))
            (i32.eq
              (i32.load8_u (i32.add (local.get $lastBlank) (i32.const 1)))
              (i32.const 0x30))))
        ;; Nothing precedes the memory.
        (br_if $done (i32.lt_s (local.get $lineEnd) (i32.const 10)))
        ;; The eight bytes before the line end as digits of a number, those that are none of its digits 0.
        (local.set $number
          (i64.xor
            (i64.load align=1 (i32.sub (local.get $lineEnd) (i32.const 10)))
            (i64.const 0x3030303030303030)))
        (local.set $number
          (i64.and
            (local.get $number)
            (i64.shl
              (i64.const -1)
              (i64.extend_i32_u
                (i32.shl (i32.sub (i32.const 8) (local.get $digits)) (i32.const 3))))))
        (br_if $done
          (i64.ne
            (i64.and
              (i64.or
                (i64.add (local.get $number) (i64.const 0x7676767676767676))
                (local.get $number))
              (i64.const 0x8080808080808080))
            (i64.const 0)))
        ;; Pairs of digits, then all four pairs at once.
        (local.set $number
          (i64.add
            (i64.mul (local.get $number) (i64.const 10))
            (i64.shr_u (local.get $number) (i64.const 8))))
        (local.set $size
          (i32.wrap_i64
            (i64.shr_u
              (i64.add
                (i64.mul
                  (i64.and (local.get $number) (i64.const 0x000000ff000000ff))
                  (i64.const 0x000f424000000064))
                (i64.mul
                  (i64.and (i64.shr_u (local.get $number) (i64.const 16)) (i64.const 0x000000ff000000ff))
                  (i64.const 0x0000271000000001)))
              (i64.const 32))))

        (local.set $next
          (i32.add (local.get $lineEnd) (i32.add (local.get $size) (i32.const 2))))
        (if (i32.gt_s (local.get $next) (local.get $end))
          (then
            (i32.store (local.get $result) (i32.add (local.get $messages) (i32.const 1)))
            (i32.store offset=4 (local.get $result) (i32.add (local.get $payload) (local.get $size)))
            (i32.store offset=8 (local.get $result) (local.get $size))
            (i32.store offset=12 (local.get $result) (local.get $pos))
            (return (local.get $lineEnd))))
        (br_if $done
          (i32.ne (i32.load16_u align=1 (i32.sub (local.get $next) (i32.const 2))) (i32.const 0x0a0d)))
        (local.set $messages (i32.add (local.get $messages) (i32.const 1)))
        (local.set $payload (i32.add (local.get $payload) (local.get $size)))
        (local.set $pos (local.get $next))
        (br $message)))

    (i32.store (local.get $result) (local.get $messages))
    (i32.store offset=4 (local.get $result) (local.get $payload))
    (i32.store offset=8 (local.get $result) (i32.const -1))
    (i32.store offset=12 (local.get $result) (local.get $pos))
    (local.get $pos)))
