;; The contract is in stamp-run.ts. `npm run build:wasm` makes stamp-run.wasm.ts of this.
(module
  (import "pool" "memory" (memory 1))

  ;; The offset after the first LF from $at on. There must be one.
  (func $afterLineFeed (param $at i32) (result i32)
    (local $bits i32)
    (loop $block
      (local.set $bits
        (i8x16.bitmask (i8x16.eq (v128.load align=1 (local.get $at)) (i8x16.splat (i32.const 0x0a)))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $block (i32.eqz (local.get $bits))))
    (i32.sub (i32.add (local.get $at) (i32.ctz (local.get $bits))) (i32.const 15)))

  ;; The size that the line before $lineEnd ends with.
  (func $sizeBefore (param $lineEnd i32) (result i32)
    (local $at i32) (local $size i32) (local $power i32)
    (local.set $at (i32.sub (local.get $lineEnd) (i32.const 3)))
    (local.set $power (i32.const 1))
    (loop $digit
      (local.set $size
        (i32.add
          (local.get $size)
          (i32.mul
            (i32.sub (i32.load8_u (local.get $at)) (i32.const 0x30))
            (local.get $power))))
      (local.set $power (i32.mul (local.get $power) (i32.const 10)))
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (br_if $digit (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x20))))
    (local.get $size))

  ;; How many digits $number has.
  (func $digitsOf (param $number i32) (result i32)
    (local $digits i32) (local $power i32)
    (local.set $digits (i32.const 1))
    (local.set $power (i32.const 10))
    (loop $longer
      (if (i32.ge_u (local.get $number) (local.get $power))
        (then
          (local.set $digits (i32.add (local.get $digits) (i32.const 1)))
          (local.set $power (i32.mul (local.get $power) (i32.const 10)))
          (br $longer))))
    (local.get $digits))

  ;;   read       PUB s u b j e c t   1 2 \r \n  payload … \r \n
  ;;              ▲                             ▲                  ▲
  ;;              $pos                          $lineEnd (after)   $next (after)
  ;;   written    HPUB s u b j e c t   4 8   6 0 \r \n block payload … \r \n
  ;;                                   └─┬─┘ └┬┘ └────┬────┘
  ;;                                  prefix  total   suffix       $template: prefix and suffix

  ;; Writes at $out what is before the payload; returns the offset after it. The two lines may overlap.
  (func $writeHead
    (param $pos i32) (param $lineEnd i32) (param $size i32) (param $out i32)
    (param $template i32) (param $prefixBytes i32) (param $suffixBytes i32)
    (result i32)
    (local $length i32) (local $total i32) (local $at i32)
    (local.set $length
      (i32.sub
        (i32.sub (local.get $lineEnd) (i32.add (call $digitsOf (local.get $size)) (i32.const 2)))
        (local.get $pos)))
    (memory.copy (i32.add (local.get $out) (i32.const 1)) (local.get $pos) (local.get $length))
    (i32.store8 (local.get $out) (i32.const 0x48))
    (local.set $out (i32.add (i32.add (local.get $out) (i32.const 1)) (local.get $length)))
    (memory.copy (local.get $out) (local.get $template) (local.get $prefixBytes))
    (local.set $total (call $totalOf (local.get $size) (local.get $suffixBytes)))
    (local.set $out
      (i32.add
        (i32.add (local.get $out) (local.get $prefixBytes))
        (call $digitsOf (local.get $total))))
    (local.set $at (local.get $out))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 0x30) (i32.rem_u (local.get $total) (i32.const 10))))
      (local.set $total (i32.div_u (local.get $total) (i32.const 10)))
      (br_if $digit (local.get $total)))
    (memory.copy
      (local.get $out)
      (i32.add (local.get $template) (local.get $prefixBytes))
      (local.get $suffixBytes))
    (i32.add (local.get $out) (local.get $suffixBytes)))

  ;; The suffix is a line end and the header block.
  (func $totalOf (param $size i32) (param $suffixBytes i32) (result i32)
    (i32.add (local.get $size) (i32.sub (local.get $suffixBytes) (i32.const 2))))

  ;; After the payload and its line end. The last message may be cut.
  (func $nextAfter (param $lineEnd i32) (param $size i32) (param $end i32) (result i32)
    (local $next i32)
    (local.set $next (i32.add (local.get $lineEnd) (i32.add (local.get $size) (i32.const 2))))
    (select
      (local.get $next)
      (local.get $end)
      (i32.lt_u (local.get $next) (local.get $end))))

  (func (export "stamp")
    (param $pos i32) (param $end i32) (param $out i32) (param $outEnd i32)
    (param $template i32) (param $prefixBytes i32) (param $suffixBytes i32) (param $result i32)
    (result i32)
    (local $lineEnd i32) (local $size i32) (local $next i32) (local $length i32)

    (block $done
      (loop $message
        (br_if $done (i32.ge_u (local.get $pos) (local.get $end)))
        (local.set $lineEnd (call $afterLineFeed (i32.add (local.get $pos) (i32.const 4))))
        (local.set $size (call $sizeBefore (local.get $lineEnd)))
        (local.set $next
          (call $nextAfter (local.get $lineEnd) (local.get $size) (local.get $end)))
        ;; H and three digits more at most.
        (br_if $done
          (i32.gt_u
            (i32.add
              (i32.add (local.get $out) (i32.sub (local.get $next) (local.get $pos)))
              (i32.add (i32.add (local.get $prefixBytes) (local.get $suffixBytes)) (i32.const 4)))
            (local.get $outEnd)))

        (local.set $out
          (call $writeHead
            (local.get $pos) (local.get $lineEnd) (local.get $size) (local.get $out)
            (local.get $template) (local.get $prefixBytes) (local.get $suffixBytes)))
        (local.set $length (i32.sub (local.get $next) (local.get $lineEnd)))
        (memory.copy (local.get $out) (local.get $lineEnd) (local.get $length))
        (local.set $out (i32.add (local.get $out) (local.get $length)))
        (local.set $pos (local.get $next))
        (br $message)))
    (i32.store (local.get $result) (local.get $pos))
    (local.get $out))

  ;; Every call is for one message, and the call for the next one moves it out of the way. $by is what those before it grow.
  (func $stampInPlace (export "stampInPlace")
    (param $pos i32) (param $end i32) (param $by i32) (param $chunkEnd i32) (param $limit i32)
    (param $template i32) (param $prefixBytes i32) (param $suffixBytes i32)
    (result i32)
    (local $lineEnd i32) (local $size i32) (local $next i32) (local $grown i32) (local $written i32)

    (if (i32.ge_u (local.get $pos) (local.get $end))
      (then
        (memory.copy
          (i32.add (local.get $end) (local.get $by))
          (local.get $end)
          (i32.sub (local.get $chunkEnd) (local.get $end)))
        (return (i32.add (local.get $chunkEnd) (local.get $by)))))
    (local.set $lineEnd (call $afterLineFeed (i32.add (local.get $pos) (i32.const 4))))
    (local.set $size (call $sizeBefore (local.get $lineEnd)))
    (local.set $next
      (call $nextAfter (local.get $lineEnd) (local.get $size) (local.get $end)))
    ;; H, prefix and suffix for the line end, and a size that may have more digits.
    (local.set $grown
      (i32.add
        (i32.add
          (local.get $by)
          (i32.sub (i32.add (local.get $prefixBytes) (local.get $suffixBytes)) (i32.const 1)))
        (i32.sub
          (call $digitsOf (call $totalOf (local.get $size) (local.get $suffixBytes)))
          (call $digitsOf (local.get $size)))))
    (if (i32.gt_u (i32.add (local.get $chunkEnd) (local.get $grown)) (local.get $limit))
      (then (return (i32.const 0))))
    (local.set $written
      (call $stampInPlace
        (local.get $next) (local.get $end) (local.get $grown) (local.get $chunkEnd) (local.get $limit)
        (local.get $template) (local.get $prefixBytes) (local.get $suffixBytes)))
    (if (i32.eqz (local.get $written))
      (then (return (i32.const 0))))
    (memory.copy
      (i32.add (local.get $lineEnd) (local.get $grown))
      (local.get $lineEnd)
      (i32.sub (local.get $next) (local.get $lineEnd)))
    (drop
      (call $writeHead
        (local.get $pos) (local.get $lineEnd) (local.get $size) (i32.add (local.get $pos) (local.get $by))
        (local.get $template) (local.get $prefixBytes) (local.get $suffixBytes)))
    (local.get $written)))
