// SPDX-License-Identifier: MIT
// Sound and microphone: their buttons, and the browser's audio. The samples go from the worker to the audio thread
// and back without this thread.

import {recall, remember} from './choices.js';

const LATENCY_MS = 1000;
const KEY = 'sound';

const at = id => document.getElementById(id);

// Connects a processor of the audio thread with the worker. Returns the worker's port.
function connect(node) {
  const {port1, port2} = new MessageChannel();
  node.port.postMessage({port: port1}, [port1]);
  return port2;
}

async function makeContext() {
  const context = new AudioContext({sampleRate: 48000, latencyHint: 'interactive'});
  await context.audioWorklet.addModule('sound_worklet.js');
  return context;
}

export class Sound {
  constructor(worker, toast) {
    this.worker = worker;
    this.toast = toast;
    this.known = null; // what the server said: plays, records
    this.context = null;
    this.muted = recall(KEY) === 'muted';
    this.microphone = null; // {context, stream}
    this.connection = null; // another object for each
    this.asks = false; // the browser asks the user
    this.mayControl = false;
    // Browsers play nothing before the user has done something with the page.
    for (const kind of ['pointerdown', 'pointerup', 'keydown', 'touchend']) {
      window.addEventListener(kind, () => this.resume(), {capture: true, passive: true});
    }
    setInterval(() => this.tellLatency(), LATENCY_MS);
  }

  // --- messages ---

  onSound(message) {
    this.known = message;
    if (message.plays && !this.muted) {
      this.start();
    }
    this.show();
  }

  onWelcome(mayControl) {
    this.mayControl = mayControl;
    this.connection = {};
    this.known = null; // a server that has sound says so
    this.show();
  }

  onClosed() {
    this.connection = null;
    this.closeMicrophone();
    this.show();
  }

  onMicrophone(message) {
    if (!message.on && this.microphone) {
      this.closeMicrophone();
      this.toast('Your microphone is off: another person speaks now, or controls the machine.');
    }
  }

  // --- hearing ---

  // Some browsers decode video, but no sound.
  supported() {
    return [window.AudioContext, window.AudioWorkletNode, window.AudioDecoder].every(api => typeof api === 'function');
  }

  async start() {
    if (this.context || !this.supported()) {
      this.resume();
      return;
    }
    try {
      this.starting ||= makeContext();
      this.context = await this.starting;
    } catch (error) {
      this.starting = null;
      this.toast(`This browser plays no sound: ${error.message}`);
      return;
    }
    const player = new AudioWorkletNode(this.context, 'player', {numberOfInputs: 0, outputChannelCount: [2]});
    player.connect(this.context.destination);
    const port = connect(player);
    this.worker.postMessage({order: 'listen', on: false, port}, [port]);
    this.context.onstatechange = () => this.follow();
    this.follow();
  }

  // Sound comes only while it can be heard.
  follow() {
    const on = !this.muted && this.context !== null && this.context.state === 'running';
    this.worker.postMessage({order: 'listen', on});
    this.show();
  }

  resume() {
    if (this.context && !this.muted && this.context.state !== 'running') {
      this.context.resume().catch(() => {});
    }
  }

  async toggle() {
    // A click that wakes the sound does not mute it.
    if (!this.muted && this.waits()) {
      this.resume();
      return;
    }
    this.muted = !this.muted;
    remember(KEY, this.muted ? 'muted' : 'on');
    if (this.muted) {
      this.follow();
      await this.context?.suspend();
    } else {
      await this.start();
    }
    this.show();
  }

  waits() {
    return !this.context || this.context.state !== 'running';
  }

  tellLatency() {
    if (this.context) {
      const s = this.context.outputLatency || this.context.baseLatency || 0;
      this.worker.postMessage({order: 'latency', ms: s * 1000});
    }
  }

  // --- speaking ---

  async openMicrophone() {
    const {connection} = this;
    if (this.asks || !connection) {
      return;
    }
    this.asks = true;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: {channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true},
      });
      if (this.connection !== connection) { // the user was long in answering: a new connection has no microphone
        stream.getTracks().forEach(track => track.stop());
        return;
      }
      this.microphone = {stream, context: null};
      stream.getAudioTracks()[0].onended = () => this.closeMicrophone();
      const context = await makeContext();
      if (this.microphone?.stream !== stream) { // closed meanwhile
        await context.close();
        return;
      }
      this.microphone.context = context;
      const recorder = new AudioWorkletNode(context, 'recorder', {numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit'});
      context.createMediaStreamSource(stream).connect(recorder);
      const port = connect(recorder);
      this.worker.postMessage({order: 'speak', port}, [port]);
    } catch (error) {
      this.closeMicrophone();
      this.toast(error.name === 'NotAllowedError' ? 'The browser does not allow the microphone.' :
        `The microphone cannot be used: ${error.message}`);
    } finally {
      this.asks = false;
      this.show();
    }
  }

  closeMicrophone() {
    if (!this.microphone) {
      return;
    }
    const {stream, context} = this.microphone;
    this.microphone = null;
    stream.getTracks().forEach(track => track.stop());
    context?.close();
    this.worker.postMessage({order: 'speak', port: null});
    this.show();
  }

  async toggleMicrophone() {
    if (this.microphone) {
      this.closeMicrophone();
    } else {
      await this.openMicrophone();
    }
  }

  // --- what the user sees ---

  show() {
    const plays = this.known?.plays;
    const button = at('sound');
    button.hidden = !plays;
    button.disabled = !this.supported();
    const state = !this.supported() ? 'none' : this.muted ? 'muted' : this.waits() ? 'waits' : 'on';
    const text = {
      none: 'No sound here', muted: 'Sound is off', waits: 'Click to hear', on: 'Sound',
    }[state];
    button.dataset.state = state;
    button.querySelector('span').textContent = text;
    button.querySelector('use').setAttribute('href', state === 'on' ? '#i-sound' : '#i-muted');
    button.ariaPressed = String(state === 'on');
    button.title = state !== 'none' ? text : isSecureContext ? 'This browser cannot play the machine\'s sound' :
      'Browsers play sound only on pages that come over TLS or from this machine';
    this.showMicrophone();
  }

  showMicrophone() {
    const button = at('microphone');
    const on = this.microphone !== null;
    button.hidden = !this.known?.records || !this.mayControl || !navigator.mediaDevices;
    button.disabled = !this.connection;
    at('recording').hidden = !on;
    button.ariaPressed = String(on);
    button.title = button.querySelector('span').textContent = on ? 'Microphone is on' : 'Microphone';
  }

  // For the statistics.
  rows({sound}) {
    if (!sound || sound.buffered === undefined) {
      return [];
    }
    const ms = value => (value === null ? '–' : `${value.toFixed(1)} ms`);
    return [
      ['sound delay', ms(sound.delay)], ['… behind the picture', ms(sound.behind)],
      ['sound buffer', ms(sound.buffered)], ['gaps in the sound', sound.gaps], ['… bridged', ms(sound.bridged)],
      ['sound bitrate', `${(sound.bitrate / 1000).toFixed(0)} kbit/s`],
    ];
  }
}
