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

  ;; Writes $number at $out in decimal digits; returns the offset after it.
  (func $writeNumber (param $out i32) (param $number i32) (result i32)
    (local $at i32) (local $power i32)
    (local.set $at (i32.add (local.get $out) (i32.const 1)))
    (local.set $power (i32.const 10))
    (loop $longer
      (if (i32.ge_u (local.get $number) (local.get $power))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $power (i32.mul (local.get $power) (i32.const 10)))
          (br $longer))))
    (local.set $out (local.get $at))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 0x30) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $digit (local.get $number)))
    (local.get $out))

  ;;   read       PUB s u b j e c t   1 2 \r \n  payload … \r \n
  ;;              ▲                 ▲         ▲                  ▲
  ;;              $pos              $blank    $lineEnd (after)   $next (after)
  ;;   written    HPUB s u b j e c t   4 8   6 0 \r \n block payload … \r \n
  ;;                                   └─┬─┘ └┬┘ └────┬────┘
  ;;                                  prefix  total   suffix       $template: prefix and suffix
  (func (export "stamp")
    (param $pos i32) (param $end i32) (param $out i32) (param $outEnd i32)
    (param $template i32) (param $prefixBytes i32) (param $suffixBytes i32) (param $result i32)
    (result i32)
    (local $lineEnd i32) (local $blank i32) (local $size i32) (local $power i32) (local $next i32)
    (local $length i32)

    (block $done
      (loop $message
        (br_if $done (i32.ge_u (local.get $pos) (local.get $end)))
        (local.set $lineEnd (call $afterLineFeed (i32.add (local.get $pos) (i32.const 4))))
        (local.set $blank (i32.sub (local.get $lineEnd) (i32.const 3)))
        (local.set $size (i32.const 0))
        (local.set $power (i32.const 1))
        (loop $digit
          (local.set $size
            (i32.add
              (local.get $size)
              (i32.mul
                (i32.sub (i32.load8_u (local.get $blank)) (i32.const 0x30))
                (local.get $power))))
          (local.set $power (i32.mul (local.get $power) (i32.const 10)))
          (local.set $blank (i32.sub (local.get $blank) (i32.const 1)))
          (br_if $digit (i32.ne (i32.load8_u (local.get $blank)) (i32.const 0x20))))
        ;; The last message may be cut.
        (local.set $next (i32.add (local.get $lineEnd) (i32.add (local.get $size) (i32.const 2))))
        (if (i32.gt_u (local.get $next) (local.get $end))
          (then (local.set $next (local.get $end))))
        ;; H and three digits more at most.
        (br_if $done
          (i32.gt_u
            (i32.add
              (i32.add (local.get $out) (i32.sub (local.get $next) (local.get $pos)))
              (i32.add (i32.add (local.get $prefixBytes) (local.get $suffixBytes)) (i32.const 4)))
            (local.get $outEnd)))

        (i32.store8 (local.get $out) (i32.const 0x48))
        (local.set $out (i32.add (local.get $out) (i32.const 1)))
        (local.set $length (i32.sub (i32.add (local.get $blank) (i32.const 1)) (local.get $pos)))
        (memory.copy (local.get $out) (local.get $pos) (local.get $length))
        (local.set $out (i32.add (local.get $out) (local.get $length)))
        (memory.copy (local.get $out) (local.get $template) (local.get $prefixBytes))
        ;; The suffix is a line end and the header block.
        (local.set $out
          (call $writeNumber
            (i32.add (local.get $out) (local.get $prefixBytes))
            (i32.add (local.get $size) (i32.sub (local.get $suffixBytes) (i32.const 2)))))
        (memory.copy
          (local.get $out)
          (i32.add (local.get $template) (local.get $prefixBytes))
          (local.get $suffixBytes))
        (local.set $out (i32.add (local.get $out) (local.get $suffixBytes)))
        (local.set $length (i32.sub (local.get $next) (local.get $lineEnd)))
        (memory.copy (local.get $out) (local.get $lineEnd) (local.get $length))
        (local.set $out (i32.add (local.get $out) (local.get $length)))
        (local.set $pos (local.get $next))
        (br $message)))
    (i32.store (local.get $result) (local.get $pos))
    (local.get $out)))
