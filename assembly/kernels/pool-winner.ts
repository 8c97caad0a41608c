// What asks for the pixel that wins a window of a max pool on NHWC images, rather than for its value: its index, or what
// another image holds there. The first pixel of the largest value wins, unless there is a NaN: then the first NaN does.

// @ts-ignore: decorator
@inline
function winners<T>(
  indices: bool, x: usize, from: usize, y: usize, where: usize, wide: bool, batchStep: i64, batch: i32, inH: i32,
  inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, sH: i32, sW: i32, padT: i32, padL: i32,
): void {
  const pixelBytes = <usize>channels * sizeof<T>();
  const rowBytes = <usize>inW * pixelBytes;
  for (let n = 0; n < batch; n++) {
    for (let oh = 0; oh < outH; oh++) {
      const top = max(oh * sH - padT, 0);
      const bottom = min(oh * sH - padT + kH, inH);
      for (let ow = 0; ow < outW; ow++) {
        const left = max(ow * sW - padL, 0);
        const right = min(ow * sW - padL + kW, inW);
        const empty = top >= bottom || left >= right;
        for (let c = 0; c < channels; c++) {
          let best: T = 0;
          let winner: usize = 0;
          if (!empty) {
            winner = <usize>top * rowBytes + <usize>left * pixelBytes + <usize>c * sizeof<T>();
            best = load<T>(x + winner);
            for (let h = top; h < bottom; h++) {
              let at = <usize>h * rowBytes + <usize>left * pixelBytes + <usize>c * sizeof<T>();
              for (let w = left; w < right; w++) {
                const value = load<T>(x + at);
                if (value > best || (value != value && best == best)) {
                  best = value;
                  winner = at;
                }
                at += pixelBytes;
              }
            }
          }
          if (indices) {
            const index = <i64>n * batchStep + <i64>(winner / sizeof<T>());
            if (wide) {
              store<i64>(where, index);
              where += 8;
            } else {
              store<i32>(where, <i32>index);
              where += 4;
            }
          }
          store<T>(y, indices ? best : empty ? <T>0 : load<T>(from + winner));
          y += sizeof<T>();
        }
      }
    }
    x += <usize>inH * rowBytes;
    from += <usize>inH * rowBytes;
  }
}

/** Indices are i64 if `wide`, else i32, and count from the batch's first image if `fromBatch`, else from their own. */
export function max_pool_argmax_f32(x: usize, y: usize, where: usize, wide: i32, fromBatch: i32, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  winners<f32>(true, x, x, y, where, wide != 0, fromBatch != 0 ? <i64>inH * inW * channels : 0, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_argmax_f64(x: usize, y: usize, where: usize, wide: i32, fromBatch: i32, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  winners<f64>(true, x, x, y, where, wide != 0, fromBatch != 0 ? <i64>inH * inW * channels : 0, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_grad_grad_f32(x: usize, from: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  winners<f32>(false, x, from, y, 0, false, 0, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_grad_grad_f64(x: usize, from: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  winners<f64>(false, x, from, y, 0, false, 0, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_argmax_i32(x: usize, y: usize, where: usize, wide: i32, fromBatch: i32, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  winners<i32>(true, x, x, y, where, wide != 0, fromBatch != 0 ? <i64>inH * inW * channels : 0, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_grad_grad_i32(x: usize, from: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  winners<i32>(false, x, from, y, 0, false, 0, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_argmax_i64(x: usize, y: usize, where: usize, wide: i32, fromBatch: i32, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  winners<i64>(true, x, x, y, where, wide != 0, fromBatch != 0 ? <i64>inH * inW * channels : 0, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_grad_grad_i64(x: usize, from: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  winners<i64>(false, x, from, y, 0, false, 0, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}
