# SPDX-License-Identifier: MIT
# A Homebrew formula. It was never run: docs/macos.md says what is known.
class Vitrine < Formula
  desc "Vulkan GPU of the host for virtual machines, containers and programs"
  homepage "https://example.invalid/vitrine"
  license "MIT"
  head "https://example.invalid/vitrine.git", branch: "main"

  depends_on "glslang" => :build
  depends_on "meson" => :build
  depends_on "ninja" => :build
  depends_on "pkg-config" => :build
  depends_on "python@3.13" => :build
  depends_on "scdoc" => :build
  depends_on "ffmpeg"
  depends_on "libpng"
  depends_on "libwebsockets"
  depends_on :macos => :ventura
  depends_on "molten-vk"
  depends_on "sdl2"
  depends_on "vulkan-loader"

  def install
    system "meson", "setup", "build", "-Dx11=disabled", "-Dtests=false", *std_meson_args
    system "meson", "compile", "-C", "build"
    system "meson", "install", "-C", "build"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/vitrine --version") unless build.head?
    system bin/"vitrine", "--help"
  end
end
