// SPDX-License-Identifier: MIT
// The picture elsewhere: displays in windows of their own, and in a small window that stays above others.

// A window of its own has the token because browsers copy a tab's session storage into windows that it opens. Neither
// an address nor the history contains it.
export function openDisplay(number) {
  const features = `popup,width=${Math.min(screen.availWidth, 1280)},height=${Math.min(screen.availHeight, 860)}`;
  const opened = window.open(`${location.pathname}#display=${number}`, `vitrine-${location.host}-${number}`, features);
  opened?.focus();
  return opened !== null;
}

// Where browsers let pages make video from pictures. Without that a hidden page could not go on.
export const hasFloating = () => document.pictureInPictureEnabled === true && typeof MediaStreamTrackGenerator === 'function';

export class Floating {
  // `onChange` is told whether the picture floats, or why it cannot.
  constructor(send, onChange) {
    Object.assign(this, {send, onChange});
    this.video = null;
  }

  get active() {
    return this.video !== null;
  }

  async toggle() {
    if (this.active) {
      await document.exitPictureInPicture();
      return;
    }
    const track = new MediaStreamTrackGenerator({kind: 'video'});
    const video = document.createElement('video');
    video.muted = true;
    video.srcObject = new MediaStream([track]);
    video.addEventListener('leavepictureinpicture', () => this.stop(video, track));
    this.send({order: 'float', writable: track.writable}, [track.writable]);
    try {
      await video.play();
      await video.requestPictureInPicture();
      this.video = video;
      this.onChange(true, '');
    } catch (error) {
      this.stop(video, track);
      this.onChange(false, 'This browser does not show the picture in a small window here.');
    }
  }

  stop(video, track) {
    this.send({order: 'float', writable: null});
    video.srcObject = null;
    track.stop();
    if (this.video === video) {
      this.video = null;
      this.onChange(false, '');
    }
  }
}
