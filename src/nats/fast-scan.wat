;; The contract is in fast-scan.ts. `npm run build:wasm` makes fast-scan.wasm.ts of this.
(module
  (import "pool" "memory" (memory 1))

  ;; One bit for each of 32 bytes, the lowest for the first: it is a blank.
  (func $blankBits (param $low v128) (param $high v128) (result i32)
    (i32.or
      (i8x16.bitmask (i8x16.eq (local.get $low) (i8x16.splat (i32.const 0x20))))
      (i32.shl
        (i8x16.bitmask (i8x16.eq (local.get $high) (i8x16.splat (i32.const 0x20))))
        (i32.const 16))))

  ;; One bit for each of 32 bytes: it is neither a blank nor visible ASCII. One more than such a byte is below 0x21, where
  ;; 0x80 and above are negative.
  (func $otherBits (param $low v128) (param $high v128) (result i32)
    (i32.or
      (i8x16.bitmask
        (i8x16.lt_s
          (i8x16.add (local.get $low) (i8x16.splat (i32.const 1)))
          (i8x16.splat (i32.const 0x21))))
      (i32.shl
        (i8x16.bitmask
          (i8x16.lt_s
            (i8x16.add (local.get $high) (i8x16.splat (i32.const 1)))
            (i8x16.splat (i32.const 0x21))))
        (i32.const 16))))

  ;; Of $bits those below the lowest bit of $limit; all of them if $limit is 0.
  (func $bitsBelow (param $bits i32) (param $limit i32) (result i32)
    (i32.and
      (local.get $bits)
      (i32.and
        (i32.sub (local.get $limit) (i32.const 1))
        (i32.xor (local.get $limit) (i32.const -1)))))

  ;; The number that the last $digits (1 to 8) of the eight bytes at $at are, or -1 if one of them is not a digit.
  (func $numberAt (param $at i32) (param $digits i32) (result i32)
    (local $number i64)    ;; one digit in each byte, the first in the lowest; 0 in front of the number
    (local.set $number
      (i64.and
        (i64.xor (i64.load align=1 (local.get $at)) (i64.const 0x3030303030303030))
        (i64.shl
          (i64.const -1)
          (i64.extend_i32_u
            (i32.shl (i32.sub (i32.const 8) (local.get $digits)) (i32.const 3))))))
    (if
      (i64.ne
        (i64.and
          (i64.or
            (i64.add (local.get $number) (i64.const 0x7676767676767676))
            (local.get $number))
          (i64.const 0x8080808080808080))
        (i64.const 0))
      (then (return (i32.const -1))))
    ;; Pairs of digits, then all four pairs at once.
    (local.set $number
      (i64.add
        (i64.mul (local.get $number) (i64.const 10))
        (i64.shr_u (local.get $number) (i64.const 8))))
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

  (func $isCrLf (param $at i32) (result i32)
    (i32.eq (i32.load16_u align=1 (local.get $at)) (i32.const 0x0a0d)))

  (func $store (param $result i32) (param $messages i32) (param $payload i32) (param $cutSize i32) (param $boundary i32)
    (i32.store (local.get $result) (local.get $messages))
    (i32.store offset=4 (local.get $result) (local.get $payload))
    (i32.store offset=8 (local.get $result) (local.get $cutSize))
    (i32.store offset=12 (local.get $result) (local.get $boundary)))

  ;; The first entry of a list (known-subjects.ts), from $entry on, whose bytes are those at $at; 0: none. No entry but in
  ;; its last byte has a blank, so no byte after the line that is at $at is compared.
  (func $find (param $at i32) (param $entry i32) (result i32)
    (local $length i32) (local $offset i32) (local $same i32)
    (loop $next
      (local.set $length (i32.load8_u (local.get $entry)))
      (if (i32.eqz (local.get $length)) (then (return (i32.const 0))))
      (local.set $offset (i32.const 0))
      (loop $block
        ;; Of 16 bytes those before the first that differs.
        (local.set $same
          (i32.ctz
            (i32.xor
              (i8x16.bitmask
                (i8x16.eq
                  (v128.load align=1 (i32.add (local.get $at) (local.get $offset)))
                  (v128.load offset=1 align=1 (i32.add (local.get $entry) (local.get $offset)))))
              (i32.const 0x1ffff))))
        (local.set $offset (i32.add (local.get $offset) (local.get $same)))
        (if (i32.ge_u (local.get $offset) (local.get $length)) (then (return (local.get $entry))))
        (br_if $block (i32.eq (local.get $same) (i32.const 16))))
      (local.set $entry (i32.add (i32.add (local.get $entry) (local.get $length)) (i32.const 1)))
      (br $next))
    (unreachable))

  ;;   a message    │ PUB s u b j e c t   1 2 \r \n  payload … \r \n
  ;;                ▲    ▲             ▲         ▲                  ▲
  ;;                $pos │             $lastBlank $lineEnd (after)  $next (after)
  ;;                     $block: the 32 bytes that are looked at, again and again up to the line end
  ;;
  ;;   parameters   $from, $end        where to read
  ;;                $verb              the first four bytes of each message
  ;;                $leastArguments    of each message
  ;;                $moreArguments     that it may have, 0 or 1
  ;;                $maxLine, $maxSize bytes of a line, and of a payload
  ;;                $subjects          a list of the only ones; 0: all
  ;;                $result            where the result goes
  ;;   of all       $pos               after the last whole message
  ;;                $messages, $payload   how many, and bytes of their payloads
  ;;                $known             in $subjects the one of the last message
  ;;   of one       $block, $low, $high   see above, and its two halves
  ;;                $blanks, $others   a bit for each byte of the block; $blanks up to the line end only
  ;;                $wasBlank          1: the byte before the block is a blank
  ;;                $arguments, $lastBlank, $lineEnd, $digits, $size, $next
  (func $fastScan (export "scan")
    (param $from i32) (param $end i32) (param $verb i32) (param $leastArguments i32)
    (param $moreArguments i32) (param $maxLine i32) (param $maxSize i32) (param $subjects i32) (param $result i32)
    (result i32)
    (local $pos i32) (local $messages i32) (local $payload i32) (local $known i32)
    (local $block i32) (local $low v128) (local $high v128)
    (local $blanks i32) (local $others i32) (local $wasBlank i32)
    (local $arguments i32) (local $lastBlank i32)
    (local $lineEnd i32) (local $digits i32) (local $size i32) (local $next i32)

    (local.set $pos (local.get $from))
    (local.set $known (local.get $subjects))
    (block $done
      (loop $message
        (br_if $done (i32.gt_s (i32.add (local.get $pos) (i32.const 12)) (local.get $end)))
        (br_if $done (i32.ne (i32.load align=1 (local.get $pos)) (local.get $verb)))
        (local.set $block (i32.add (local.get $pos) (i32.const 4)))
        (local.set $lastBlank (i32.add (local.get $pos) (i32.const 3)))
        (local.set $wasBlank (i32.const 1))
        (local.set $arguments (i32.const 1))

        (loop $line
          (local.set $low (v128.load align=1 (local.get $block)))
          (local.set $high (v128.load offset=16 align=1 (local.get $block)))
          (local.set $others (call $otherBits (local.get $low) (local.get $high)))
          (local.set $blanks
            (call $bitsBelow (call $blankBits (local.get $low) (local.get $high)) (local.get $others)))
          ;; Two blanks in a row.
          (br_if $done
            (i32.and
              (local.get $blanks)
              (i32.or (i32.shl (local.get $blanks) (i32.const 1)) (local.get $wasBlank))))
          (local.set $arguments (i32.add (local.get $arguments) (i32.popcnt (local.get $blanks))))
          (if (local.get $blanks)
            (then
              (local.set $lastBlank
                (i32.add (local.get $block) (i32.sub (i32.const 31) (i32.clz (local.get $blanks)))))))
          (if (i32.eqz (local.get $others))
            (then
              (local.set $wasBlank (i32.shr_u (local.get $blanks) (i32.const 31)))
              (local.set $block (i32.add (local.get $block) (i32.const 32)))
              (br_if $done (i32.ge_s (local.get $block) (local.get $end)))
              (br $line))))

        (local.set $lineEnd
          (i32.add (local.get $block) (i32.add (i32.ctz (local.get $others)) (i32.const 2))))
        (local.set $digits
          (i32.sub (i32.sub (local.get $lineEnd) (i32.const 3)) (local.get $lastBlank)))
        (br_if $done (i32.gt_s (local.get $lineEnd) (local.get $end)))
        (br_if $done (i32.eqz (call $isCrLf (i32.sub (local.get $lineEnd) (i32.const 2)))))
        (br_if $done
          (i32.gt_s (i32.sub (local.get $lineEnd) (local.get $pos)) (local.get $maxLine)))
        (br_if $done
          (i32.gt_u (i32.sub (local.get $arguments) (local.get $leastArguments)) (local.get $moreArguments)))
        (br_if $done (i32.gt_u (i32.sub (local.get $digits) (i32.const 1)) (i32.const 7)))
        ;; A size with leading zeros.
        (br_if $done
          (i32.and
            (i32.gt_s (local.get $digits) (i32.const 1))
            (i32.eq
              (i32.load8_u (i32.add (local.get $lastBlank) (i32.const 1)))
              (i32.const 0x30))))
        ;; Nothing precedes the memory, and the number is read from eight bytes before the line end.
        (br_if $done (i32.lt_s (local.get $lineEnd) (i32.const 10)))
        (local.set $size
          (call $numberAt (i32.sub (local.get $lineEnd) (i32.const 10)) (local.get $digits)))
        ;; -1 is above all.
        (br_if $done (i32.gt_u (local.get $size) (local.get $maxSize)))
        (if (local.get $subjects)
          (then
            (local.set $known (call $find (i32.add (local.get $pos) (i32.const 4)) (local.get $known)))
            (if (i32.eqz (local.get $known))
              (then
                (local.set $known (call $find (i32.add (local.get $pos) (i32.const 4)) (local.get $subjects)))
                (br_if $done (i32.eqz (local.get $known)))))))

        (local.set $next
          (i32.add (local.get $lineEnd) (i32.add (local.get $size) (i32.const 2))))
        (if (i32.gt_s (local.get $next) (local.get $end))
          (then
            (call $store
              (local.get $result)
              (i32.add (local.get $messages) (i32.const 1))
              (i32.add (local.get $payload) (local.get $size))
              (local.get $size)
              (local.get $pos))
            (return (local.get $lineEnd))))
        (br_if $done (i32.eqz (call $isCrLf (i32.sub (local.get $next) (i32.const 2)))))
        (local.set $messages (i32.add (local.get $messages) (i32.const 1)))
        (local.set $payload (i32.add (local.get $payload) (local.get $size)))
        (local.set $pos (local.get $next))
        (br $message)))

    (call $store
      (local.get $result)
      (local.get $messages)
      (local.get $payload)
      (i32.const -1)
      (local.get $pos))
    (local.get $pos)))
